"""YAML files of the configuration, read as plain data: duplicate keys and code are refused."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from infusenet.errors import InputError


class PlainYaml(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Plain data, nothing in it is executed. A duplicate key is an error: YAML drops the first."""

    def construct_mapping(self, node, deep=False):
        first_nodes = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            first = first_nodes.setdefault(key.value, key)
            if first is not key:
                lines = f"lines {first.start_mark.line + 1} and {key.start_mark.line + 1}"
                raise InputError(f"{key.start_mark.name}: duplicate key '{key.value}' in {lines}; remove one")
        return super().construct_mapping(node, deep)


def read(path: Path | str) -> dict:
    """The data of a YAML file.

    Raises
    ------
    InputError
        No YAML, or a duplicate key.
    """
    with open(path, encoding="utf-8") as file:
        try:
            return yaml.load(file, PlainYaml)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: no readable YAML: {error}") from None


def refuse_code(*paths: Path | str) -> None:
    """Refuse configuration files that carry Python: Snakemake runs the code of a YTE template.

    To be called before Snakemake reads them, which is possible for ``workflow/config.yaml`` alone:
    profiles and files of ``--configfile`` are run by Snakemake before any Snakefile, so they are code to
    trust like that one; the latter are refused afterwards. Absent files are passed over.
    """
    for path in paths:
        data = read(path) if Path(path).is_file() else None
        if isinstance(data, dict) and "__use_yte__" in data:
            raise InputError(f"{path}: `__use_yte__` would run the Python in this file; expected plain data")


def odd_keys(where: str, block) -> Iterator[str]:
    """A sentence for every key, at any depth, that YAML did not take for text."""
    for key, value in block.items() if isinstance(block, Mapping) else ():
        if not isinstance(key, str):
            yield (
                f"{where}: the key {key!r} is no text: YAML takes no, yes, on, off, null and numbers for "
                "values; write it in quotes"
            )
        yield from odd_keys(str(key) if where == "top level" else f"{where}.{key}", value)
