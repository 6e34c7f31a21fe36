"""Changes of light and noise that are laid over the aligned frames of a clip, whose motion stays as it is."""

import numpy as np

GAIN = 0.05
NOISE = 2.0  # gray levels


def _clean(frames, generator):
    return frames


def _gain(frames, generator):
    return _eight_bits(frames * _from_the_apex(frames, 1 + GAIN))


def _ramp(frames, generator):
    """Light that rises from the left edge to the right one."""
    across = np.linspace(0, 1, frames.shape[2])[:, None]
    return _eight_bits(frames * _from_the_apex(frames, 1 + GAIN * across))


def _noise(frames, generator):
    return add_noise(frames, NOISE, generator)


def _still(frames, generator):
    return np.repeat(frames[:1], len(frames), axis=0)


def _still_gain(frames, generator):
    return _gain(_still(frames, generator), generator)


# Each takes the onset and the apex frames, uint8 (1 + K, H, W, 3), and a generator; it returns their like.
CONDITIONS = {"clean": _clean, "gain": _gain, "ramp": _ramp, "noise": _noise}
# In these, the apex frames are the onset again: nothing moves.
MOTIONLESS = {"identical": _still, "gain alone": _still_gain}


def add_noise(frames: np.ndarray, level: float, generator: np.random.Generator) -> np.ndarray:
    """Gaussian noise of ``level`` gray levels on uint8 frames (..., 3), equal in the three channels."""
    noise = generator.standard_normal(frames.shape[:-1], np.float32)
    return _eight_bits(frames + np.float32(level) * noise[..., None])


def _from_the_apex(frames: np.ndarray, factor) -> np.ndarray:
    """The factor of each frame: 1 for the onset, ``factor`` after it."""
    later = (np.arange(len(frames)) > 0)[:, None, None, None]
    return np.where(later, factor, 1.0)


def _eight_bits(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
