"""A lab's cache of one database: faces, flow, latents and a variant that shows faces, one clip failed."""

from functools import partial

import numpy as np
from synthetic import CROP, RECIPES, clips_of, features

from infusenet.config import stage_recipes as recipe
from infusenet.databases.clip_table import to_csv
from infusenet.hashing import derived_key, digest
from infusenet.preprocess.build_store import fill
from infusenet.store import Failure, Item, Store

FACES = recipe.resolve("faces", {"size": CROP}).as_dict()
LATENTS = RECIPES["latents"]
MAGNIFIED = LATENTS | {"latent": "magnified", "factor": 5}
LOST = Failure("s2/c2", "no_face", "no face found")


def crops(clip):
    rng = np.random.default_rng(list(clip.key.encode()))
    return {
        "frames": rng.integers(0, 256, (7, CROP, CROP, 3), np.uint8),
        "numbers": np.arange(7, dtype=np.int32),
        "landmarks": np.zeros((68, 2), np.float32),
        "matrix": np.zeros((7, 2, 3)),
    }


def maps(stage, clip):
    return {stage: features(stage, clip)}


def build(folder, name, recipe, arrays, keys, source, clips):
    def work(names):
        return (Item(arrays(clips[name])) for name in names)

    fill(
        folder / f"{name}.h5", stage=recipe["stage"], database=folder.name, recipe=recipe, source=source,
        clips=list(keys.items()), work=work, upstream_failures=[LOST],
    )  # fmt: skip


def lab(root, database="samm", size=CROP):
    """Write ``root/cache/{database}/*.h5`` and ``root/manifests/{database}.csv``; returns ``root``."""
    clips = {clip.key: clip for clip in clips_of(database, 6)}
    folder, faces = root / "cache" / database, FACES | {"size": size}
    folder.mkdir(parents=True)
    (root / "manifests").mkdir(exist_ok=True)
    (root / "manifests" / f"{database}.csv").write_text(to_csv(list(clips.values())))
    keys = {clip: digest([clip, faces]) for clip in clips if clip != LOST.clip}
    build(folder, "faces", faces, crops, keys, {"clips": "0" * 64, "data": "1" * 64}, clips)
    source = Store(folder / "faces.h5").as_source
    stages = {"flow": RECIPES["flow"], "latents": LATENTS, "latents.magnified5": MAGNIFIED}
    for name, made in stages.items():
        derived = {clip: derived_key(key, made) for clip, key in keys.items()}
        build(folder, name, made, partial(maps, made["stage"]), derived, source, clips)
    return root
