"""The reference of the configuration, docs/configuration.md, made from the table of options.

python -m infusenet.config.reference_page > docs/configuration.md
"""

import json
from collections.abc import Iterable, Iterator, Mapping

from infusenet.config import options
from infusenet.config.methods import METHODS, VARIANTS
from infusenet.config.options import METHOD
from infusenet.config.value_kinds import Option

HEAD = """# Configuration

The keys of `workflow/config.yaml`. Made from the table in `infusenet/config/options.py` and `stage_options.py` by
`python -m infusenet.config.reference_page > docs/configuration.md`; edit that table and not this page.
A required key may not be left out; `workflow/config.yaml` comes with the defaults that stand here.
"""

DATABASES = """An entry of `databases` has the database's key, and either `annotations` or `manifest`, and `frames`; or
`manifest` and `stores`. The reader's settings need `annotations`. Details:
[data_manifests/README.md](../data_manifests/README.md)."""

METHOD_SETTINGS = """`methods` maps the names of methods to their settings, `every_method` lays settings over all of them.
A method has the settings in its row of the list below, with the default named there or else this one."""

VARIANT_SETTINGS = """`variants` maps STAGE.NAME to settings that are laid over the stage's block, for a further store
`cache/{database}/STAGE.NAME.h5`. It takes what the stage's block takes, and the values marked *variants only*.
`latents.released: {weights: FILE}` is for the magnifier's weights that the paper's authors released: where it exists,
`infusenet_resnet18_released` and `infusenet_resnet18_factor5` to `factor20` read it in place of `latents`, and with
them Table 1's row 'as released' and Figure 4's line of difference latents. Methods declare these themselves:"""


def main() -> None:
    print(page(), end="")


def page() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD, *_section("databases", options.DATABASE, DATABASES)]
    parts += _section("What is run", {key: options.TOP[key] for key in ("recipe", "seeds", "failed_clips")})
    parts += _section("methods, every_method", METHOD, METHOD_SETTINGS)
    parts += ["Methods with a `preset` also take these, laid over it:\n", _option_rows(options.INFUSION)]
    parts += ["The methods:\n", _table("method | title | reads | settings", _method_rows())]
    parts += _section("common", options.COMMON, "Settings for all methods under `recipe: common`.")
    for stage, table in options.STAGES.items():
        parts += _section(stage, table)
    parts += ["## variants\n", f"{VARIANT_SETTINGS}\n"]
    parts += [_table("variant | settings", ((f"`{k}`", _settings(v)) for k, v in VARIANTS.items()))]
    parts += _section("audit", options.AUDIT, "The policy for each finding on a clip, a row or a workbook.")
    parts += _section("figures", options.FIGURES)
    parts += _section("compute", options.COMPUTE)
    parts += _section("Folders", {key: options.TOP[key] for key in ("cache", "results")})
    parts += [
        "## standins\n",
        "Used while `databases` is empty: `root` is their folder; `settings` may have `every_method`, "
        f"{', '.join(f'`{stage}`' for stage in options.STAGES)} and `compute`, laid over the blocks above.\n",
    ]
    return "\n".join(parts)


def _section(title: str, table: Mapping[str, Option], text: str = "") -> list[str]:
    return [f"## {title}\n", *([f"{text}\n"] if text else []), _option_rows(table)]


def _option_rows(table: Mapping[str, Option]) -> str:
    rows = ((f"`{name}`", _values(option), _default(option), option.prose) for name, option in table.items())
    return _table("key | values | default | meaning", rows)


def _method_rows() -> Iterator[tuple[str, ...]]:
    for name, method in METHODS.items():
        settings = {key: value for key, value in method.recipe.items() if key != "revision"}
        stores = ", ".join(f"`{store}`" for store in method.reads(settings).values())
        changes = (
            f"`{key}`" if value == METHOD[key].default else f"`{key}: {_plain(value)}`"
            for key, value in settings.items()
        )
        yield f"`{name}`", method.title, stores, ", ".join(changes)


def _values(option: Option) -> str:
    words = option.block_values.words
    return f"{words}; variants only: {', '.join(option.variants_only)}" if option.variants_only else words


def _default(option: Option) -> str:
    if option.required:
        return f"`{_plain(option.default)}`, required"
    # Without a value in the table the key is absent, or its value is the preset's.
    is_null = option.default is None and not option.values.accept(None)
    return "" if is_null else f"`{_plain(option.default)}`"


def _settings(settings: Mapping) -> str:
    return ", ".join(f"`{name}: {_plain(value)}`" for name, value in settings.items())


def _plain(value) -> str:
    """The value as YAML takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _table(head: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = [
        f"| {head} |",
        f"|{'---|' * len(head.split(' | '))}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
