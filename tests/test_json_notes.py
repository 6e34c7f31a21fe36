"""Notes that one run leaves for the next: cut, or JSON of another form than their writer's."""

import json

import pytest
from projects import ROOT
from safetensors.torch import save_file

from infusenet.config import configuration, yaml_files
from infusenet.errors import InputError
from infusenet.json_notes import fits, parse, read_note
from infusenet.snakemake_state import cut_outputs, unrecorded_outputs
from infusenet.snakemake_state.internals import RECORDS
from infusenet.training.run_folder import load_weights

OTHER_TEXTS = [
    "",
    "{",
    "null",
    "[]",
    "7",
    '"text"',
    "{}",
    '{"recipe": null}',
    "[" * 100_000,
    "\0\0",
    "\ufffd",
]


@pytest.mark.parametrize(
    ("form", "fitting", "others"),
    [
        (int, [0, 7], [None, "7", 1.5, [7]]),
        (str | None, ["", None], [0, []]),
        ([int], [[], [1, 2]], [None, {}, ["1"], [1, None]]),
        ((int, str), [[1, "a"]], [[1], [1, "a", 2], ["a", 1], "1a"]),
        ({str: int}, [{}, {"a": 1}], [[], {"a": None}]),
        ({"a": int, "b": {"c": str}}, [{"a": 1, "b": {"c": ""}, "d": 0}], [{}, {"a": 1, "b": None}, None]),
        ({}, [{}, {"a": 1}], [None, []]),
    ],
)
def test_forms(form, fitting, others, tmp_path):
    assert all(fits(value, form) for value in fitting)
    assert not any(fits(value, form) for value in others)
    note = tmp_path / "note.json"
    note.write_text(json.dumps(fitting[0]))
    assert read_note(note, form) == fitting[0]
    note.write_text(json.dumps(others[0]))
    assert read_note(note, form) is None
    assert read_note(tmp_path, form) is read_note(tmp_path / "missing.json", form) is None


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_text_of_another_form(text):
    assert parse(text, {"recipe": dict}) is parse(text.encode(), {"recipe": dict}) is None


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_facts_in_weights(text, tmp_path, monkeypatch):
    """Whoever reads the facts of a training names the file; the parse asks to delete it."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "results/off_apexnet/samm/seed0"
    run.mkdir(parents=True)
    save_file({}, run / "weights.safetensors", metadata={"infusenet": text})
    (run / "log.csv").write_text("epoch\n")
    with pytest.raises(InputError, match=r"weights\.safetensors: no facts of a training"):
        load_weights(run)
    databases = {name: {"manifest": f"{name}.csv", "frames": name} for name in ("casme", "samm")}
    changes = {"databases": databases, "methods": {"off_apexnet": {}}}
    config = configuration.settle(yaml_files.read(ROOT / "workflow/config.yaml") | changes)
    assert cut_outputs.set_aside(config) == []
    with pytest.raises(InputError, match=r"weights\.safetensors: damaged; train it again: rm -r"):
        unrecorded_outputs.check(config)


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_records_of_snakemake(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache").mkdir()
    record = RECORDS / "metadata/Y2FjaGUveA=="  # cache/x
    record.parent.mkdir(parents=True)
    record.write_text(text)
    config = {"cache": f"{tmp_path}/cache", "results": "results", "databases": {}}
    assert unrecorded_outputs.respell(config)["cache"] == "cache"
