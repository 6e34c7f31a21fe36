"""The table of options: configuration, schema, reference page and comments agree with it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from infusenet.cli.subcommands import build_parser
from infusenet.config import configuration, options, reference_page
from infusenet.config.json_schema import schema
from infusenet.config.methods import METHODS
from infusenet.databases.audit import MACRO, MICRO
from infusenet.errors import InputError
from infusenet.protocol import PSEUDO_APEX

ROOT = Path(__file__).parents[1]
SHIPPED = (ROOT / "workflow" / "config.yaml").read_text(encoding="utf-8")
BLOCKS = {
    **options.STAGES,
    "common": options.COMMON,
    "audit": options.AUDIT,
    "figures": options.FIGURES,
    "compute": options.COMPUTE,
}
TABLES = {**BLOCKS, "methods": options.METHOD, "infusion": options.INFUSION, "": options.TOP}


def test_the_reference_page_is_that_of_the_table():
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert text == reference_page.page(), "python -m infusenet.config.reference_page > docs/configuration.md"


def test_the_reference_page_has_every_key():
    keys = set(re.findall(r"^\| `(\w+)` \|", reference_page.page(), re.MULTILINE))
    for table in (*TABLES.values(), options.DATABASE):
        assert keys >= table.keys()


def test_the_schema_is_valid():
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", TABLES)
def test_every_default_is_accepted(name):
    for option in TABLES[name].values():
        is_unset = name == "infusion"  # there the preset's value holds
        assert is_unset or option.block_values.accept(option.default)
        assert set(option.variants_only) <= set(option.choices)
        assert option.prose


# --- workflow/config.yaml ---


def commented_keys(text):
    """(path, comment) of every key of the configuration's file."""
    path = []
    for line in text.splitlines():
        if match := re.fullmatch(r"( *)(\w+):(?: +[^#]*?)?(?: *# (.*))?", line):
            path = [*path[: len(match[1]) // 2], match[2]]
            yield tuple(path), match[3] or ""


def option_of(path):
    """The option at a path, or None for a block."""
    match path:
        case (name,):
            return options.TOP.get(name)
        case ("methods", _, name):
            return (options.METHOD | options.INFUSION)[name]
        case (block, name) if block in BLOCKS:
            return BLOCKS[block][name]
    return None


def choices_in(comment):
    """The choices that a comment lists, as in ``none | global: why``; a piece ``a file`` is no name."""
    pieces = comment.split(" | ") if " | " in comment else []
    return {re.match(r"\w+", piece)[0] for piece in pieces} - {"a"}


def disagreements(text):
    """Keys whose value is not the table's default, or whose comment lists other choices."""
    config = yaml.safe_load(text)
    policies = set()
    for path, comment in commented_keys(text):
        if path == ("audit",):
            policies = choices_in(comment)
        if not (option := option_of(path)):
            continue
        value = config
        for key in path:
            value = value[key]
        choices = choices_in(comment) or (policies if path[0] == "audit" else set())
        if value != option.default or (len(option.block_values.choices) > 1 and
                                       choices != set(option.block_values.choices)):  # fmt: skip
            yield ".".join(path)


def test_the_shipped_configuration_agrees_with_the_table():
    assert not list(disagreements(SHIPPED))


@pytest.mark.parametrize("method", METHODS)
def test_without_a_configuration_the_recipes_are_those_of_the_shipped_one(method):
    shipped = configuration.resolve_method(yaml.safe_load(SHIPPED), method)
    assert configuration.resolve_method(configuration.defaults(), method) == shipped


def test_the_shipped_configuration_has_every_key():
    config = yaml.safe_load(SHIPPED)
    for name, table in BLOCKS.items():
        # Which frames are kept is the variants' business, `photometric` that of OpenCV's solver, `workers` is of
        # older configurations.
        absent = {"keep", "workers"} | ({"photometric"} if name == "flow" else set())
        assert config[name].keys() == table.keys() - absent, name
    assert config.keys() >= options.TOP.keys()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("tensor | meb", "tensor | mebs", "flow.strain"),
        ("none | global\n", "none\n", "latents.photometric"),
        ("| opencv_tvl1 (", "| opencv (", "flow.solver"),
        ("size: 224                   # pixels of", "size: 225   # pixels of", "faces.size"),
        ("per_epoch | per_sample |", "per_epoch |", "methods.infusenet_resnet18.pseudo_apex"),
        ("auto | cpu | cuda", "auto | cpu", "compute.device"),
        ("exclude | stop: the AU", "keep | stop: the AU", "audit.unknown_au"),
        ("keep a clip and report it | ", "", "audit.missing_frames"),
        ("stop: report all", "halt: report all", "failed_clips"),
    ],
)
def test_a_comment_or_value_that_disagrees_is_named(old, new, key):
    assert old in SHIPPED
    assert key in list(disagreements(SHIPPED.replace(old, new)))


def test_the_numbers_in_comments_are_those_of_the_code():
    comments = {path[-1]: comment for path, comment in commented_keys(SHIPPED)}
    assert f"apex + {PSEUDO_APEX} " in comments["pseudo_apex_clamped"]
    assert f"{MICRO:g} s up to the apex or {MACRO:g} s in all" in comments["over_long"]
    figure5 = options.FIGURES["figure5_clips"].values.schema
    assert f"up to {figure5['maxItems']} of" in comments["figure5_clips"]


# --- a stage's block and its variants ---

VALUES = (
    "",
    "no such choice",
    0,
    1,
    15,
    16,
    2.0,
    12.5,
    -1,
    True,
    None,
    [],
    {},
    "10",
    float("nan"),
    float("inf"),
)
SETTINGS = [(stage, name) for stage, table in options.STAGES.items() for name in (*table, "no_such_key")]


def refusal_of(block, settings):
    """The error of a configuration with these settings of a block or variant; '' if it is accepted."""
    config = yaml.safe_load(SHIPPED)
    config["databases"] = {name: {"manifest": f"{name}.csv", "frames": name} for name in ("casme", "samm")}
    # Sizes of different blocks that do not fit together are another matter.
    config["latents"]["size"] = 16
    config["methods"] = {"infusenet_resnet18_finetuned": {}}
    config |= {"variants": {block: settings}} if "." in block else {block: settings}
    try:
        configuration.settle(config)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("stage", "name"), SETTINGS)
def test_what_a_block_refuses_a_variant_refuses_and_the_other_way_round(stage, name):
    option = options.STAGES[stage].get(name)
    choices = set(option.choices) - set(option.variants_only) if option else set()
    for value in (*VALUES, *choices):
        in_block, in_variant = (refusal_of(block, {name: value}) for block in (stage, f"{stage}.other"))
        assert bool(in_block) == bool(in_variant), (value, in_block, in_variant)


@pytest.mark.parametrize(
    ("stage", "name"), [setting for setting in SETTINGS if setting[1] in ("keep", "latent")]
)
def test_values_for_variants_only(stage, name):
    for value in options.STAGES[stage][name].variants_only:
        assert f"{stage}.{name}: '{value}' is not one of" in refusal_of(stage, {name: value})
        assert not refusal_of(f"{stage}.other", {name: value})


def test_the_configuration_is_light_to_import():
    """Snakemake imports it at every parse."""
    code = "import sys, infusenet.config.configuration as c; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "torch", "cv2", "h5py", "jsonschema", "openpyxl"} & set(modules.split())


def test_a_precision_reaches_jobs_without_an_option_of_theirs(monkeypatch):
    words = [
        "train",
        "sssnet",
        "--held-out",
        "a",
        "--stores",
        "c",
        "--manifests",
        "m",
        "--output",
        "o",
        "--workers",
        "2",
    ]
    assert build_parser().parse_args(words).precision == "auto"
    monkeypatch.setenv(configuration.PRECISION, "tf32")
    assert build_parser().parse_args(words).precision == "tf32"
    assert build_parser().parse_args([*words, "--precision", "float32"]).precision == "float32"
