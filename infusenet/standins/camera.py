"""Cameras: pose, exposure and noise of the frames, which differ between databases."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Camera:
    """The camera of one database.

    ``size`` and ``demo_size`` are (width, height) in px; ``face`` is the outer-eye-corner distance
    as a share of the frame's height; ``noise`` is the sensor's standard deviation in gray levels;
    ``sway`` the head's translation amplitude in native px; ``tilt`` the spread of the static head
    roll in degrees; ``flicker`` the amplitude of the lamp's gain; ``fps`` frames per second.
    """

    size: tuple[int, int]
    demo_size: tuple[int, int]
    face: float
    gray: bool
    quality: int
    noise: float
    sway: float
    tilt: float
    flicker: float
    fps: int


CAMERAS = {
    "casme": Camera((640, 480), (560, 420), 0.30, False, 92, 0.8, 0.25, 2.0, 0.006, 60),
    "casme2": Camera((640, 480), (600, 450), 0.30, False, 95, 0.6, 0.15, 2.0, 0.004, 200),
    "samm": Camera((960, 650), (640, 440), 0.30, True, 96, 0.5, 0.20, 1.5, 0.002, 200),
    "fourd": Camera((640, 480), (560, 420), 0.32, True, 90, 1.0, 0.25, 2.0, 0.004, 60),
    "mmew": Camera((231, 231), (231, 231), 0.50, False, 95, 0.6, 0.15, 1.0, 0.004, 90),
    "casme3a": Camera((1280, 720), (640, 400), 0.30, False, 90, 0.9, 0.35, 3.0, 0.008, 30),
}


@dataclass(frozen=True)
class Shot:
    """One clip's pose and exposure, frame by frame.

    ``poses`` float64 (n, 2, 3) map canvas px to native px; ``gains`` float64 (n,) multiply the gray
    values; ``seed`` drives the sensor noise.
    """

    poses: np.ndarray
    gains: np.ndarray
    seed: int
    size: tuple[int, int]
    gray: bool
    quality: int
    noise: float
    numbers: list[int] = field(default_factory=list)


def shoot(camera: Camera, demo: bool, landmarks: np.ndarray, numbers: np.ndarray, generator) -> Shot:
    """Draw a clip's static pose, its head sway and the lamp's flicker.

    The sway is a sum of slow sines in x and y (0.5 to 2 Hz), so its size between onset and apex
    follows from the frame rate; each pixel of it comes with a fiftieth of a degree of roll.
    """
    width, height = camera.demo_size if demo else camera.size
    eyes = landmarks[45] - landmarks[36]
    scale = camera.face * height / np.hypot(*eyes) * generator.uniform(0.94, 1.06)
    roll = np.deg2rad(generator.normal(0, camera.tilt)) - np.arctan2(eyes[1], eyes[0])
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    middle = (landmarks.min(0) + landmarks.max(0)) / 2
    aim = np.array([width / 2, height * 0.52]) + generator.normal(0, 0.01, 2) * (width, height)
    time = (numbers - numbers[0]) / camera.fps
    sway = sum(
        amplitude
        * np.sin(2 * np.pi * generator.uniform(0.5, 2.0, 2) * time[:, None] + generator.uniform(0, 6.28, 2))
        for amplitude in (0.7 * camera.sway, 0.3 * camera.sway)
    )
    poses = np.empty((len(numbers), 2, 3))
    for pose, shift in zip(poses, sway, strict=True):
        small = np.deg2rad(0.02 * shift[0])
        pose[:, :2] = np.array([[1, -small], [small, 1]]) @ turn
        pose[:, 2] = aim - pose[:, :2] @ middle + shift
    drift = np.sin(2 * np.pi * generator.uniform(0.5, 3) * time + generator.uniform(0, 6.28))
    gains = 1 + camera.flicker * (0.7 * drift + 0.3 * generator.standard_normal(len(numbers)))
    return Shot(
        poses, gains, int(generator.integers(1 << 31)), (width, height), camera.gray, camera.quality,
        camera.noise * generator.uniform(0.8, 1.2), [int(n) for n in numbers],
    )  # fmt: skip


def disturb(
    shot: Shot, camera: Camera, onset: int, apex: int, share: float, brightness: float, noise: float
) -> Shot:
    """The shot under another lamp and with another sensor; pose, noise pattern and coding stay.

    Parameters
    ----------
    camera : Camera
        The one that ``shot`` was drawn for.
    share : float in [-1, 1]
        The share of ``brightness`` that this clip gets, with its sign.
    brightness : float
        Largest relative change of the gain from onset to apex, where it stays.
    noise : float
        Standard deviation in gray levels, for a clip with the camera's own.
    """
    rise = ((np.array(shot.numbers) - onset) / max(apex - onset, 1)).clip(0, 1)
    gains = 1 + brightness * share * np.sin(np.pi / 2 * rise)
    return replace(shot, gains=gains, noise=shot.noise / camera.noise * noise)
