"""Resampling along time: clips of any length become equally long."""

import numpy as np


def tim(frames: np.ndarray, count: int) -> np.ndarray:
    """Temporal interpolation model (Zhou, Zhao and Pietikainen, CVPR 2011): ``count`` frames of a clip.

    The model puts n frames on the curve given by the eigenvectors of a path graph and reads the curve
    at other times. For frames that are linearly independent, which photographs are, reading it is
    a cosine interpolation along time that passes through every frame.

    Parameters
    ----------
    frames : uint8 (n, H, W)
    count : int

    Returns
    -------
    uint8 (count, H, W), the first and the last frame unchanged
    """
    n = len(frames)
    times = np.linspace(1, n, count)
    k = np.arange(1, n)
    frame_waves = np.cos(np.pi * np.outer(np.arange(1, n + 1) - 0.5, k) / n)
    time_waves = np.cos(np.pi * np.outer(times - 0.5, k) / n)
    weights = (2 * time_waves @ frame_waves.T + 1) / n
    return np.clip(np.rint(np.tensordot(weights, frames.astype(float), 1)), 0, 255).astype(np.uint8)


def spread(numbers: list[int], count: int) -> list[int]:
    """``count`` of the frame numbers, evenly over all of them; short clips repeat frames."""
    return [numbers[i] for i in np.linspace(0, len(numbers) - 1, count).round().astype(int)]
