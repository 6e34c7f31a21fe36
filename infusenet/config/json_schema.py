"""The JSON schema of the configuration, made from the table of options, and the check against it."""

import copy
import json
from collections.abc import Mapping

from infusenet.config import options
from infusenet.config.value_kinds import Option, number_hint, strict_validator
from infusenet.config.yaml_files import odd_keys
from infusenet.errors import did_you_mean, raise_all
from infusenet.texts import visible

# Blocks whose entries may all be commented out, which leaves null.
MAY_BE_EMPTY = ("databases", "methods", "every_method", "faces", "flow", "latents", "variants", "audit")
# Settings by the name of a method or variant: `configuration.check_values` checks them by name.
SETTINGS_BY_NAME = {"type": "object", "additionalProperties": {"type": ["object", "null"]}}


def block_schema(table: Mapping[str, Option], partial: bool = False) -> dict:
    """The schema of a block; ``partial``: no key is required."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: option.block_values.schema for name, option in table.items()},
        "required": [name for name, option in table.items() if option.required and not partial],
    }


def database_schema() -> dict:
    """The schema of an entry of ``databases``."""
    return block_schema(options.DATABASE) | {
        "description": "either annotations (an owner's workbook) or manifest (a CSV), and frames; or manifest "
        "and stores (made elsewhere)",
        "oneOf": [
            {"required": ["annotations", "frames"], "properties": {"manifest": False, "stores": False}},
            {"required": ["manifest", "frames"], "properties": {"annotations": False, "stores": False}},
            {
                "required": ["manifest", "stores"],
                "properties": {"annotations": False, "frames": False, "reader": False},
            },
        ],
        # A manifest has no reader that could be asked for something.
        "dependentRequired": {name: ["annotations"] for name in options.READER},
    }


def schema() -> dict:
    """The schema of the whole configuration."""
    stages = {stage: block_schema(table) for stage, table in options.STAGES.items()}
    standin_settings = {
        "every_method": {"type": "object"},
        **stages,
        "compute": block_schema(options.COMPUTE, partial=True),
    }
    properties = {
        "databases": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
            "additionalProperties": database_schema(),
        },
        "methods": SETTINGS_BY_NAME,
        "every_method": {"type": "object"},
        "common": block_schema(options.COMMON),
        **stages,
        "variants": SETTINGS_BY_NAME,
        "audit": block_schema(options.AUDIT),
        "figures": block_schema(options.FIGURES),
        "compute": block_schema(options.COMPUTE),
        **{name: option.values.schema for name, option in options.TOP.items()},
        "standins": {
            "type": "object",
            "additionalProperties": False,
            "required": ["root", "settings"],
            "properties": {
                "root": {"type": "string"},
                "settings": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": standin_settings,
                },
            },
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": [name for name in properties if name != "audit"],
    }


def validate(raw: dict) -> dict:
    """Check a configuration against the schema; one InputError lists every problem.

    Returns a copy in which blocks without an entry are empty dicts.
    """
    raise_all(odd_keys("top level", raw), "configuration refused")
    config = copy.deepcopy(raw)
    if isinstance(config, dict):
        config |= {name: {} for name in MAY_BE_EMPTY if name in config and config[name] is None}
    problems = []
    for error in strict_validator()(schema()).iter_errors(config):
        where = ".".join(map(str, error.absolute_path)) or "top level"
        if error.validator == "additionalProperties":
            keys = error.schema.get("properties", {})
            problems += [
                f"{where}: unknown key '{visible(key)}' {did_you_mean(key, keys)}"
                for key in error.instance
                if key not in keys
            ]
        elif error.validator == "oneOf":
            sources = ", ".join(error.instance) or "nothing"
            problems.append(f"{where}: has {sources}, expected {error.schema['description']}")
        elif error.validator == "enum":
            choices = [
                choice if isinstance(choice, str) else json.dumps(choice) for choice in error.validator_value
            ]
            hint = did_you_mean(error.instance, choices)
            problems.append(f"{where}: {error.instance!r} is not one of the choices {hint}")
        else:
            hint = number_hint(error.instance) if error.validator == "type" else ""
            problems.append(f"{where}: {error.message}{hint}")
    raise_all(problems, "configuration refused")
    return config
