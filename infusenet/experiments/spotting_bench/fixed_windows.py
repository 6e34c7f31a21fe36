"""The baseline of the bench: windows of one length where the face moves most."""

import numpy as np

from infusenet.detection.spotting import Interval, Spotting


def fixed_windows(spotting: Spotting, rate: float, length: float, threshold: float) -> list[Interval]:
    """Windows of ``length`` s with the most energy (sum of the squared motion), greedily and without overlap.

    It sees the same time line as the spotting, with head motion and blinks taken out, and differs in the intervals: all
    of one length, each accepted if its largest motion reaches ``threshold``, in eye distances. ``rate`` is the film's,
    in frames per second.
    """
    numbers, motion = spotting.numbers, spotting.motion
    half = length * rate / 2
    first, last = np.searchsorted(numbers, numbers - half), np.searchsorted(numbers, numbers + half, "right")
    sums = np.concatenate([[0], np.cumsum(motion**2)])
    energy = sums[last] - sums[first]
    windows: list[Interval] = []
    for place in np.argsort(-energy, kind="stable"):
        inside = slice(first[place], last[place])
        apex = inside.start + int(motion[inside].argmax())
        onset, offset = int(numbers[inside.start]), int(numbers[inside.stop - 1])
        free = all(offset < other.onset or other.offset < onset for other in windows)
        if free and motion[apex] >= threshold:
            windows.append(Interval(onset, int(numbers[apex]), offset, 1.0))
    return sorted(windows, key=lambda window: window.onset)
