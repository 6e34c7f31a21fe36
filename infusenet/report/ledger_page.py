"""The ledger as one HTML page: counts, left-out and recovered clips with pictures, the audit's findings.

The pictures are embedded and show faces: share the page only as the databases' licences allow.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple, fields
from html import escape
from pathlib import Path

import cv2
import numpy as np

from infusenet.databases import audit, sync_index
from infusenet.databases.clip_table import Clip, read_manifest
from infusenet.databases.frames.frame_files import frame_index
from infusenet.errors import InputError
from infusenet.preprocess.contact_sheet import TILE, crop_tile
from infusenet.preprocess.images import read_rgb
from infusenet.report.html_parts import cell, head, image, table
from infusenet.report.ledger import Count, Entry, Ledger
from infusenet.store import Store


class Pictures:
    """Thumbnails of clips: the crop if it exists, else the onset frame, else none.

    ``faces`` are faces stores by database, ``frames`` the roots of the owners' frames.
    """

    def __init__(self, faces: Mapping[str, Path], frames: Mapping[str, Path]):
        self.faces = {name: Store(path, "faces") for name, path in faces.items()}
        self.frames, self.clips = dict(frames), {}
        for name, path in faces.items():
            clips_path = path.with_name("clips.csv")
            clips: list[Clip] = read_manifest(clips_path) if clips_path.is_file() else []
            clips += [Clip(name, *row) for row in sync_index.read(path.parent).excluded]
            self.clips[name] = {clip.key: clip for clip in clips}

    def of(self, database: str, clip: str) -> str:
        """An ``img`` element with the picture inside, or a word."""
        store = self.faces.get(database)
        if store and clip in store:
            return _image(crop_tile(store, clip))
        row = self.clips.get(database, {}).get(clip)
        if row is None or database not in self.frames:
            return "no picture"
        try:
            frame = read_rgb(frame_index(self.frames[database] / row.frames)[row.onset])
        except (InputError, KeyError):
            return "onset unreadable"
        scale = TILE / max(frame.shape[:2])
        return _image(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _image(picture: np.ndarray) -> str:
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return image(jpeg.tobytes(), "jpeg")


def page(ledger: Ledger, pictures: Pictures) -> str:
    """The page as text; the same ledger and pictures give the same text."""
    entries = [
        [*map(cell, astuple(entry)), f"<td>{pictures.of(entry.database, entry.clip)}</td>"]
        for entry in ledger.entries
    ]
    totals = Counter((database, f.kind, policy) for database, f, policy in ledger.findings)
    kinds = [
        [*map(cell, (*key, totals[key], audit.FINDINGS[key[1]][2]))] for key in sorted(totals)
    ]  # fmt: skip
    details = [
        [*map(cell, (database, f.clip or "(table)", f.kind, policy, f.detail))]
        for database, f, policy in sorted(ledger.findings)
    ]
    columns = [field.name for field in fields(Entry)]
    return "\n".join(
        [
            head("Clips"),
            "<h1>Clips: what became of every annotated one</h1>",
            "<p>annotated = stored + failed + excluded; recovered ones are stored.</p>",
            table([field.name for field in fields(Count)], [map(cell, astuple(c)) for c in ledger.counts]),
            f"<p>Not audited here: {escape(', '.join(ledger.unaudited) or 'none')}.</p>",
            "<h2>Failed, recovered and excluded clips</h2>",
            table([*columns, "picture"], entries) if entries else "<p>None.</p>",
            "<h2>Findings of the audit</h2>",
            table(["database", "finding", "policy", "clips", "meaning"], kinds) if kinds else "<p>None.</p>",
            f"<details><summary>Each finding ({len(details)})</summary>"
            + table(["database", "clip", "finding", "policy", "detail"], details)
            + "</details></html>\n",
        ]
    )
