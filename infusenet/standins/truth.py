"""The true motion in a stand-in clip: its parameters on disk, and the displacement computed from them.

A frame shows at pixel p the canvas at q - F(q), with q = pose^-1(p) and F the sum of the active
AUs' fields at that frame. The renderer and the truth use exactly this map. The pipeline never
reads it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from infusenet.preprocess.alignment import apply
from infusenet.standins.camera import Shot
from infusenet.standins.motion import Pull, displacement


@dataclass(frozen=True)
class ClipTruth:
    """``fields``: per AU its pulls, scaled to the AU's peak in canvas px; ``courses``: per AU the
    share of the peak at each frame of ``shot.numbers``."""

    subject: int
    shot: Shot
    fields: dict[int, list[Pull]]
    courses: dict[int, list[float]]

    def row(self, frame: int) -> int:
        return self.shot.numbers.index(frame)

    def field(self, frame: int) -> list[Pull]:
        """All pulls at a frame, scaled by their time courses; canvas px."""
        row = self.row(frame)
        return [
            Pull(p.x, p.y, p.dx * self.courses[au][row], p.dy * self.courses[au][row], p.sigma)
            for au, pulls in self.fields.items()
            for p in pulls
        ]


def to_canvas(truth: ClipTruth, frame: int, points: np.ndarray) -> np.ndarray:
    """The skin (canvas px) that native pixels (n, 2) of a frame show."""
    q = apply(cv2.invertAffineTransform(truth.shot.poses[truth.row(frame)]), points)
    return q - displacement(truth.field(frame), q)


def to_frame(truth: ClipTruth, frame: int, skin: np.ndarray, sway_of: int | None = None) -> np.ndarray:
    """The native pixels (n, 2) of skin points in a frame: q = m + F(q) by fixed point, then the pose."""
    field, q = truth.field(frame), skin
    for _ in range(60):
        following = skin + displacement(field, q)
        step = np.abs(following - q).max(initial=0)
        q = following
        if step < 1e-6:
            break
    return apply(truth.shot.poses[truth.row(frame if sway_of is None else sway_of)], q)


def motion(truth: ClipTruth, first: int, second: int, points: np.ndarray, sway: bool = True) -> np.ndarray:
    """Displacement of the skin seen at ``points`` of one frame, up to another frame.

    Parameters
    ----------
    first, second : int
        Frame numbers.
    points : float array (n, 2)
        (x, y) in native px of the first frame, on any grid.
    sway : bool
        With the head's motion, or only the muscles'.

    Returns
    -------
    float64 array (n, 2), native px
    """
    skin = to_canvas(truth, first, np.asarray(points, float))
    return to_frame(truth, second, skin, None if sway else first) - points


def write(path: Path, truths: dict[str, ClipTruth]) -> None:
    """Write one database's truth: JSON, {subject/clip: parameters}."""
    table = {}
    for key, truth in truths.items():
        entry = asdict(truth)
        entry["shot"] |= {name: entry["shot"][name].tolist() for name in ("poses", "gains")}
        table[key] = entry
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table, sort_keys=True, indent=None), encoding="utf-8")


def read(path: Path | str) -> dict[str, ClipTruth]:
    """Read a file of `write`."""
    truths = {}
    for key, entry in json.loads(Path(path).read_text(encoding="utf-8")).items():
        shot = entry["shot"]
        shot |= {
            "poses": np.array(shot["poses"]),
            "gains": np.array(shot["gains"]),
            "size": tuple(shot["size"]),
        }
        truths[key] = ClipTruth(
            entry["subject"],
            Shot(**shot),
            {int(au): [Pull(**pull) for pull in pulls] for au, pulls in entry["fields"].items()},
            {int(au): course for au, course in entry["courses"].items()},
        )
    return truths
