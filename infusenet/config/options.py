"""The one table of options: values, default and a line of prose for each key of the configuration. Its part
for the stages of the preprocessing is in ``stage_options.py``.

From it follow the JSON schema (``json_schema.py``), the stages' default recipes (``stage_recipes.py``), the
choices of the command line, "did you mean", and ``docs/configuration.md`` (``reference_page.py``); a test holds
the comments of ``workflow/config.yaml`` against it. Light, because Snakemake parses it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from infusenet.config.stage_options import PIXELS
from infusenet.config.stage_options import STAGES as STAGES  # a part of this table
from infusenet.config.value_kinds import (
    FIGURE1_CLIP,
    FIGURE5_CLIPS,
    FLAG,
    INITIAL_WEIGHTS,
    PATHS,
    SEEDS,
    Option,
    Values,
    integer,
    list_of_text,
    number,
    one_of,
    text,
)
from infusenet.databases import audit
from infusenet.databases.read_options import FLAGS as READER_FLAGS
from infusenet.databases.read_options import SETTINGS as READER_SETTINGS
from infusenet.errors import did_you_mean
from infusenet.texts import visible

BLOCKS = ("block1", "block2", "block3", "block4")
# After which blocks, and whether after average pooling, FrameFlow is infused into FrameMag.
PLACES = (*BLOCKS, "pooled")


# The settings of methods. Each method has some of them; its own default may differ from the one here.
METHOD: dict[str, Option] = {
    "preset": Option(
        one_of("paper", "released"), "paper", "infusion as published, or as the authors' code computes it"
    ),
    "weights": Option(
        INITIAL_WEIGHTS, "imagenet", "initial weights: torchvision's IMAGENET1K_V1, a file, or from scratch"
    ),
    "size": Option(PIXELS, 224, "side of the input, in pixels; equal to latents.size where latents are read"),
    "epochs": Option(integer(1), 50, "passes over the training clips"),
    "batch": Option(integer(1), 32, "clips per step"),
    "rate": Option(number(0), 0.001, "Adam's learning rate"),
    "gamma": Option(number(0), 0.9, "factor of ExponentialLR, per epoch"),
    "weight_decay": Option(number(0, least=True), 0.0, "Adam's weight decay"),
    "pseudo_apex": Option(
        one_of("per_epoch", "per_sample", "fixed4"),
        "per_epoch",
        "pseudo-apex: drawn per epoch, drawn once per clip, or always apex + 4",
    ),
    "factor": Option(number(1), 10, "magnification factor of the latents that are read"),
    "frames": Option(text("a name"), "first10", "variant of the faces that LBP-TOP reads"),
    "variant": Option(one_of("tinyvit_5m", "tinyvit_21m", "patch16"), "tinyvit_5m", "size of the ViT"),
}

# Settings of methods with a `preset`, laid over it; without them the preset's values hold.
INFUSION: dict[str, Option] = {
    "scope": Option(one_of("sample", "channel", "batch"), None, "scope of min-max normalisation"),
    "places": Option(
        Values({"type": "array", "items": {"enum": list(PLACES)}}, f"a list of some of {', '.join(PLACES)}"),
        None,
        "layers after which FrameFlow is infused into FrameMag",
    ),
    "detach": Option(FLAG, None, "keep FrameMag's gradient out of FrameFlow"),
    "latent_norm": Option(
        FLAG,
        None,
        "normalise the latents over the batch as FrameMag gets them: of a `pooled` store what is left after ReLU "
        "and pooling, of a `raw` one the latents before both",
    ),
}

COMMON: dict[str, Option] = {
    name: replace(METHOD[name], required=name != "size")
    for name in ("epochs", "batch", "rate", "gamma", "weight_decay", "size")
}

READER_KINDS = {"store_true": FLAG, None: text("text")}

# Settings of a database's block that ask something of its reader, so that they need `annotations`.
READER: dict[str, Option] = {
    name: Option(
        one_of(*flag["choices"]) if "choices" in flag else READER_KINDS[flag.get("action")],
        flag["default"],
        flag["help"],
    )
    for name, flag in READER_FLAGS.items()
    if name in READER_SETTINGS
}
DATABASE: dict[str, Option] = {
    "annotations": Option(PATHS, None, "the owner's workbooks"),
    "manifest": Option(text("a file"), None, "a table of clips as in data_manifests/README.md"),
    "frames": Option(text("a folder"), None, "root of the clips' folders"),
    "stores": Option(text("a folder"), None, "stores made elsewhere, which are only read"),
    "reader": Option(text("a name"), None, "reader of the workbooks; without it the database's key names it"),
    "fps": Option(number(0), None, "frame rate, for the audit of a table of your own"),
    "exclude": Option(
        list_of_text("a list of clips", uniqueItems=True), None, "clips that are left out, by name or row"
    ),
    **READER,
}

AUDIT: dict[str, Option] = {
    kind: Option(one_of(*policies), default, prose)
    for kind, (default, policies, prose) in audit.FINDINGS.items()
}

FIGURES: dict[str, Option] = {
    "figure1_clip": Option(
        FIGURE1_CLIP,
        None,
        "clip of figure 1; null: the clip that moves most",
        required=True,
    ),
    "figure5_clips": Option(
        FIGURE5_CLIPS,
        [],
        "clips of figure 5; empty: those that InfuseNet scores highest",
        required=True,
    ),
}

UNUSED_WORKERS = "is ignored: clips are held in memory or read ahead by a thread, without loader processes"

COMPUTE: dict[str, Option] = {
    "device": Option(one_of("auto", "cpu", "cuda"), "auto", "device of every network", required=True),
    "gpu": Option(
        Values({"enum": ["auto", True, False]}, "auto, true, false", ("auto", "true", "false")),
        "auto",
        "whether jobs ask for a GPU; auto: where this machine has one",
        required=True,
    ),
    "processes": Option(integer(1), 4, "processes of one faces or flow job", required=True),
    "threads": Option(
        integer(1), 4, "torch threads of one training on the CPU: part of the result's bits", required=True
    ),
    "precision": Option(
        one_of("auto", "float32", "tf32", "bfloat16"),
        "auto",
        "of trainings; auto: bfloat16 where the card computes it natively, else float32. Scores are float32",
    ),
    "workers": Option(integer(0), 0, f"as in the first versions; it {UNUSED_WORKERS}"),
}

# Keys of the top level that are no blocks.
TOP: dict[str, Option] = {
    "recipe": Option(
        one_of("source", "common"), "source", "each method as published, or with the settings of `common`",
        required=True,
    ),
    "seeds": Option(
        SEEDS,
        [0],
        "seeds of the trainings; every further one repeats all of them",
        required=True,
    ),
    "failed_clips": Option(
        one_of("stop", "skip"),
        "stop",
        "report all failed clips and end, or leave them out of every method",
        required=True,
    ),
    "cache": Option(text("a folder"), "cache", "folder of the stores", required=True),
    "results": Option(text("a folder"), "results", "folder of the trainings, tables and figures", required=True),
}  # fmt: skip


def problems(where: str, settings: Mapping, options: Mapping[str, Option]) -> Iterator[str]:
    """A sentence for every setting that is unknown (with the nearest known one) or has no such value."""
    for name, value in settings.items():
        if name not in options:
            yield f"{where}: unknown key '{visible(name)}' {did_you_mean(name, options)}"
        elif not options[name].values.accept(value):
            yield f"{where}.{name} is {options[name].values.refusal(value)}"
