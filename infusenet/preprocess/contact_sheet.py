"""Contact sheet of a faces store: the onset crops with their landmarks, failed clips first."""

from pathlib import Path

import cv2
import numpy as np

from infusenet.files import aside
from infusenet.protocol import ONSET_SLOT
from infusenet.store import Store

TILE, CAPTION, COLUMNS, ROWS = 160, 18, 8, 8
GREEN, ORANGE, GRAY, WHITE = (0, 170, 0), (230, 130, 0), (90, 90, 90), (255, 255, 255)


def contact_sheet(store: Store, path: Path) -> None:
    """Draw at most 64 clips of a faces store into a PNG.

    Failed clips come first, as gray tiles with their status; then onset crops evenly chosen over the
    database. A recovered clip has an orange frame.
    """
    tiles = [_failed(failure.clip, failure.status) for failure in store.failures[: COLUMNS * ROWS]]
    room = COLUMNS * ROWS - len(tiles)
    places = np.linspace(0, len(store) - 1, min(room, len(store))).round().astype(int)
    tiles += [crop_tile(store, store.clips[row]) for row in places]
    rows = [tiles[start : start + COLUMNS] for start in range(0, len(tiles), COLUMNS)]
    blank = np.full((TILE + CAPTION, TILE, 3), 255, np.uint8)
    sheet = np.vstack([np.hstack(row + [blank] * (COLUMNS - len(row))) for row in rows])
    title = np.full((30, sheet.shape[1], 3), 255, np.uint8)
    headline = f"{store.database}: {len(store)} clips, {len(store.failures)} failed, {len(tiles)} shown"
    _text(title, headline, (6, 20), 0.55, (0, 0, 0))
    _, png = cv2.imencode(".png", cv2.cvtColor(np.vstack([title, sheet]), cv2.COLOR_RGB2BGR))
    with aside(path) as temporary:
        temporary.write_bytes(png.tobytes())


def crop_tile(store: Store, clip: str) -> np.ndarray:
    """The onset crop with its landmarks and name, orange-framed if recovered: uint8 RGB, 160 px wide."""
    onset = store.read("onset", clip) if "onset" in store.names else store.read("frames", clip, ONSET_SLOT)
    landmarks = store.read("landmarks", clip) * TILE / onset.shape[0]
    tile = cv2.resize(onset, (TILE, TILE), interpolation=cv2.INTER_AREA)
    for point in landmarks:
        cv2.circle(tile, tuple(int(v) for v in point.round()), 1, GREEN, -1, cv2.LINE_AA)
    if store.status[clip] == "recovered":
        cv2.rectangle(tile, (1, 1), (TILE - 2, TILE - 2), ORANGE, 3)
    return _captioned(tile, clip)


def _failed(clip: str, status: str) -> np.ndarray:
    tile = np.full((TILE, TILE, 3), GRAY, np.uint8)
    _text(tile, status, (8, TILE // 2), 0.5, WHITE)
    return _captioned(tile, clip)


def _captioned(tile: np.ndarray, clip: str) -> np.ndarray:
    caption = np.full((CAPTION, TILE, 3), 255, np.uint8)
    # Long names shrink to the tile instead of running into the next one.
    (width, _), _ = cv2.getTextSize(clip, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
    _text(caption, clip, (3, 13), 0.4 * min(1, (TILE - 6) / width), (0, 0, 0))
    return np.vstack([tile, caption])


def _text(image: np.ndarray, text: str, at: tuple[int, int], scale: float, colour) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
