"""Checks of published figures: nothing is cut off, and no text lies over another."""

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image


def watch(patch):
    """A list that gets the titles, labels and texts of each figure that is published, of which no two may overlap.

    ``patch`` is a `pytest.MonkeyPatch`.
    """
    published, close = [], plt.close

    def keep(figure):
        texts = list(figure.texts)
        for axes in figure.axes:
            texts += [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
        texts = [text for text in texts if text.get_text()]
        boxes = [text.get_window_extent() for text in texts]
        for n, box in enumerate(boxes):
            over = [texts[k].get_text() for k in range(n) if box.overlaps(boxes[k])]
            assert not over, f"{texts[n].get_text()!r} lies over {over}"
        published.append([text.get_text() for text in texts])
        close(figure)

    patch.setattr(plt, "close", keep)
    return published


def whole(path):
    """The picture's pixels, none of whose drawing touches the border: nothing is cut off."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border == 255).all()
    return pixels
