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

    Examples
    --------
    ``truth`` is that of the example of `read_truth`: one pull of 2 px to the right, at its full size in frame 5.

    >>> from infusenet import true_motion
    >>> true_motion(truth, 1, 5, [(100, 80)]).round(1)
    array([[2., 0.]])
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
    """The truth of a stand-in database's clips: a file ``truth/{database}.json`` of `infusenet standins`.

    Parameters
    ----------
    path : the file

    Returns
    -------
    {``subject/clip``: `ClipTruth`}

    Raises
    ------
    FileNotFoundError
        No such file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from infusenet import read_truth
    >>> _ = Path("truth.json").write_text('''{"s1/c1": {
    ...     "subject": 0,
    ...     "shot": {"numbers": [1, 5], "size": [160, 120], "poses": [[[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 0]]],
    ...              "gains": [1, 1], "seed": 0, "gray": false, "quality": 95, "noise": 0.5},
    ...     "fields": {"12": [{"x": 102, "y": 80, "dx": 2, "dy": 0, "sigma": 30}]},
    ...     "courses": {"12": [0, 1]}}}''')
    >>> truth = read_truth("truth.json")["s1/c1"]
    >>> truth.shot.numbers, list(truth.fields)
    ([1, 5], [12])
    """
    truths = {}
    for key, entry in json.loads(Path(path).read_text(encoding="utf-8")).items():
        shot = entry["shot"]
        shot |= {
            "poses": np.array(shot["poses"], float),
            "gains": np.array(shot["gains"], float),
            "size": tuple(shot["size"]),
        }
        truths[key] = ClipTruth(
            entry["subject"],
            Shot(**shot),
            {int(au): [Pull(**pull) for pull in pulls] for au, pulls in entry["fields"].items()},
            {int(au): course for au, course in entry["courses"].items()},
        )
    return truths
