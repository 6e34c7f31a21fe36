"""The settings of each stage of the preprocessing: values, default and a line of prose."""

from infusenet.config.value_kinds import FILE, FLAG, Option, Values, integer, number, one_of

PIXELS = integer(16)

# The settings of each stage. Its block may leave any out; `variants` takes the same.
STAGES: dict[str, dict[str, Option]] = {
    "faces": {
        "keep": Option(
            one_of("pairs", "first10", "tim10", "span"),
            "pairs",
            "frames that are stored: onset, apex and pseudo-apex candidates; or a gray clip of the first ten "
            "frames, of all frames interpolated to ten, or of 144 frames evenly spread",
            variants_only=("first10", "tim10", "span"),  # flow and latents need the pairs
        ),
        "size": Option(PIXELS, 224, "side of the aligned crop, in pixels"),
        "ecc": Option(FLAG, False, "refine head sway by ECC on eyes and nose"),
    },
    "flow": {
        "solver": Option(
            one_of("spline_tvl1", "opencv_tvl1"),
            "spline_tvl1",
            "TV-L1 on a cubic B-spline grid with one Bregman iteration; or OpenCV's, as in the first versions",
        ),
        "frames": Option(
            Values({"enum": [1, 3]}, "1, 3", ("1", "3")),
            1,
            "frames at the apex that `spline_tvl1` fits together: the apex; or it and the two after, in three "
            "times the time",
        ),
        "photometric": Option(
            one_of("none", "global", "local"),
            "local",
            "match of brightness before `opencv_tvl1`; `spline_tvl1` matches by itself and ignores it",
        ),
        "strain": Option(
            one_of("tensor", "meb"),
            "tensor",
            "strain from the symmetric tensor, or with swapped axes as in the published CD6ME arrays",
        ),
    },
    "latents": {
        "weights": Option(
            FILE,
            None,
            "weights of the magnifier: a file, or `v1` or `v2` of the project's own; null: the newest of these; the "
            "file's sha256 where all latents were made elsewhere",
        ),
        "latent": Option(
            one_of("difference", "magnified", "decoded"),
            "difference",
            "the latent difference that the magnifier computes; its sum with encoder(apex); or the decoded RGB image",
            variants_only=("decoded",),  # no latent: only `infusenet_resnet18_decoded` reads such a store
        ),
        "factor": Option(number(1), 10, "magnification factor; `difference` latents serve every factor"),
        "form": Option(
            one_of("pooled", "raw"),
            "pooled",
            "after ReLU and max-pool (exact for ResNet), or as the encoder gives them",
        ),
        "size": Option(PIXELS, 224, "side of the crop that is encoded, in pixels; at most faces.size"),
        # Without `local`: a high-passed frame is no image that the magnifier could encode.
        "photometric": Option(
            one_of("none", "global"), "none", "match of brightness before the frames are encoded"
        ),
    },
}
