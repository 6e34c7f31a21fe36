"""The arrays of one clip in each stage's store: types, dimensions, bytes, and whether they show a face."""

from infusenet.config.stage_recipes import StageRecipe
from infusenet.protocol import CANDIDATES, SLOTS

# Frames of a gray video, by what the faces keep. CASME II's longest clip has 141, those of the other databases fewer, but
# for a few of CAS(ME)^3 of up to 730.
VIDEO_FRAMES = {"first10": 10, "tim10": 10, "span": 144}

# Name -> (dtype, dimensions), one table per form of a stage's items.
_PAIRS = {
    "frames": ("uint8", 4),
    "numbers": ("int32", 1),
    "landmarks": ("float32", 2),
    "matrix": ("float64", 3),
}
_VIDEO = {"video": ("uint8", 3), "onset": ("uint8", 3), "landmarks": ("float32", 2)}
ARRAYS = {
    "faces": (_PAIRS, _VIDEO),
    "flow": ({"flow": ("float16", 3)},),
    "latents": ({"latents": ("float16", 4)},),
}


def item_bytes(recipe: StageRecipe, crop: int) -> int:
    """Bytes of one clip in the store of ``recipe``; ``crop`` is the size of the faces in px."""
    if recipe.stage == "flow":
        return 3 * crop**2 * 2
    size = recipe.size
    if recipe.stage == "latents":
        return CANDIDATES * 2 * (3 * size**2 if recipe.latent == "decoded" else 32 * recipe.side**2)
    landmarks = 68 * 2 * 4
    if recipe.keep == "pairs":
        return SLOTS * 3 * size**2 + landmarks + SLOTS * (4 + 6 * 8)
    return VIDEO_FRAMES[recipe.keep] * size**2 + 3 * size**2 + landmarks


def shows_faces(recipe: StageRecipe) -> bool:
    """Whether a store holds pictures of faces, or latents of the apex itself and not of the motion alone."""
    return recipe.stage == "faces" or (recipe.stage == "latents" and recipe.latent != "difference")
