"""The face of a film followed from frame to frame, with the motion of its regions; where it is lost, and found again."""

from typing import NamedTuple

import cv2
import numpy as np

from infusenet.detection import region_motion
from infusenet.detection.region_motion import COUNT, EYES, Reference
from infusenet.preprocess import alignment
from infusenet.preprocess.face_detection import detect
from infusenet.preprocess.failed_faces import FailedFace

# Time in s after which the face is detected again and becomes the next reference, or is looked for again.
EVERY = 1.0
# A cut or a lost face: the correlation with the reference falls below `ALIKE`, or the face is detected `MISSES` times in
# a row nowhere near its place, that is within `NEAR` eye distances.
ALIKE, MISSES, NEAR = 0.8, 3, 0.3
# A reference with the eyes half closed would be a poor one: while the lids have moved by more eye distances than this, the
# next reference waits, at most another `EVERY` s.
LIDS_STILL = 0.005
GAP = 0.1  # s: frames that are further apart do not belong together


class Row(NamedTuple):
    """One frame of a face that was followed without a break.

    ``motion``: complex (COUNT,), in eye distances, since the start of the stretch; None between samples, where
    ``face``, the crop, is kept so that `measured` can fill it in. ``start`` and ``before``: the reference, and its own
    motion.
    """

    number: int
    motion: np.ndarray | None
    face: np.ndarray
    start: Reference
    before: np.ndarray

    def measured(self) -> np.ndarray:
        """The motion, complex (COUNT,), also between samples."""
        if self.motion is not None:
            return self.motion
        return self.before + region_motion.measure(self.start, self.face)[0]


class FaceTrack:
    """Frames in, in order; `Row` out, or None where the film has no face.

    Every ``step``-th frame is measured. ``reason`` says why the last search for a face failed.
    """

    def __init__(self, rate: float, step: int):
        self.step, self.every, self.gap = step, step * max(1, round(EVERY * rate / step)), max(1, GAP * rate)
        self.start: Reference | None = None
        self.wait = 0
        self.reason = ""

    def add(self, number: int, frame: np.ndarray) -> Row | None:
        """The next frame, uint8 (H, W, 3) RGB. After None a new stretch begins, whose motion starts at zero."""
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if self.start is not None and (number - self.number > self.gap or gray.shape != self.shape):
            self.start, self.wait = None, 0
            return None
        if self.start is None and not self._search(frame, gray):
            return None
        self.number, self.shape = number, gray.shape
        start, before, motion = self.start, self.before, None
        if self.count % self.step:
            face = region_motion.crop(gray, self.matrix)
        else:
            motion, self.matrix, face = region_motion.track(start, gray, self.matrix)
            motion = before + motion
            if region_motion.likeness(start, face) < ALIKE:
                self.start, self.wait = None, 0
                return None
            if self._due(motion) and not self._renew(frame, gray, motion):
                return None
        self.count += 1
        return Row(number, motion, face, start, before)

    def _due(self, motion: np.ndarray) -> bool:
        """Whether this frame, whose motion is given, is to become the next reference."""
        lids = np.abs(motion - self.before)[region_motion.LIDS].max()
        age = self.count - self.renewed
        return age >= (self.every if lids < LIDS_STILL else 2 * self.every)

    def _search(self, frame: np.ndarray, gray: np.ndarray) -> bool:
        """Look for a face, at once after a loss and then every `EVERY` s; whether there is one."""
        self.wait -= 1
        if self.wait >= 0:
            return False
        landmarks = self._landmarks(frame)
        if landmarks is None:
            self.wait = self.every - 1
            return False
        self.start = region_motion.reference(gray, landmarks)
        self.matrix, self.before = self.start.matrix, np.zeros(COUNT, complex)
        self.count = self.renewed = self.misses = 0
        return True

    def _landmarks(self, frame: np.ndarray) -> np.ndarray | None:
        try:
            return detect(frame).landmarks
        except FailedFace as failure:
            self.reason = str(failure)
            return None

    def _renew(self, frame: np.ndarray, gray: np.ndarray, motion: np.ndarray) -> bool:
        """Make this frame the reference of the next ones, at its own landmarks or, in a blink say, at those followed;
        whether the face is still there."""
        followed = alignment.apply(cv2.invertAffineTransform(self.matrix), self.start.landmarks)
        landmarks, self.renewed = self._landmarks(frame), self.count
        scale = np.hypot(*self.matrix[:, 0]) / EYES
        if landmarks is None or scale * np.hypot(*(landmarks - followed).mean(0)) > NEAR:
            landmarks, self.misses = followed, self.misses + 1
        else:
            self.misses = 0
        if self.misses == MISSES:
            self.start, self.wait = None, 0
            return False
        self.start, self.before = region_motion.reference(gray, landmarks), motion
        self.matrix = self.start.matrix
        return True
