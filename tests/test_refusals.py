"""Hostile inputs: refused in a sentence before anything in them is run or followed.

What a single reader refuses is tested with it: ids and paths in tables in test_malformed and
test_manifest, HDF5 content in test_store, magnifier checkpoints in test_magnifier, frames in test_images.
"""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from projects import reconfigure, snakemake
from test_images import bomb, half
from test_store import make

from infusenet import cli
from infusenet.config import configuration, yaml_files
from infusenet.databases.clip_table import Clip, problems_of, to_csv
from infusenet.errors import InputError
from infusenet.magnifier.training import _resume
from infusenet.preprocess.images import read_rgb
from infusenet.protocol import AUS
from infusenet.store import Store
from infusenet.tensor_files import read_checkpoint, read_weights
from infusenet.training import checkpoints, run_folder


class Payload:
    """Unpickled by a trusting reader, it leaves a file behind."""

    def __reduce__(self):
        return (open, ("ran", "w"))


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "ran").exists(), "code of an input was run"


# --- names and paths ---


@pytest.mark.parametrize("frames", ["/etc", "../etc", "a/../../etc", "a\\..\\etc", "C:\\etc"])
def test_frames_outside_the_root(frames):
    assert "leaves the frames root" in " ".join(problems_of(Clip("d", "s", "c", 1, 2, 3, frames)))


@pytest.mark.parametrize(
    "text", ["$(touch ran)", "`touch ran`", "a;b", "a b", "a'b", 'a"b', "a\nb", "-rf", "..", "é"]
)
@pytest.mark.parametrize("place", ["database", "subject", "clip"])
def test_shell_characters_in_every_id(text, place):
    names = {"database": "d", "subject": "s", "clip": "c"} | {place: text}
    assert place in " ".join(problems_of(Clip(**names, onset=1, apex=2, offset=3, frames="f")))


@pytest.mark.parametrize("name", ["a;b", "$(touch ran)", "../a", "a/b", "A", ""])
def test_database_names_in_the_configuration(name):
    raw = yaml.safe_load((Path(__file__).parents[1] / "workflow" / "config.yaml").read_text())
    raw["databases"] = {name: {"manifest": "x", "frames": "y"}, "b": {"manifest": "x", "frames": "y"}}
    with pytest.raises(InputError, match="configuration refused: databases"):
        configuration.settle(raw)


# --- configuration files that are programs ---

TEMPLATE = """
__use_yte__: true
__definitions__:
  - open("ran", "w")
"""


@pytest.mark.parametrize("text", [TEMPLATE, "x: &x {__use_yte__: true}\n<<: *x\n", '{"__use_yte__": true}'])
def test_templates_are_refused(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match="config.yaml: `__use_yte__` would run the Python"):
        yaml_files.refuse_code(tmp_path / "absent.yaml", tmp_path / "config.yaml")


@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.system [touch ran]", "a: [", "a: *b"])
def test_what_is_no_plain_yaml_is_refused(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match="no readable YAML"):
        yaml_files.refuse_code(tmp_path / "config.yaml")


def test_a_template_reaches_neither_command_line_nor_snakemake(project, capsys):
    path = project / "workflow/config.yaml"
    path.write_text(TEMPLATE + path.read_text())
    with pytest.raises(InputError, match="unknown key '__use_yte__'"):
        configuration.load(path)
    done = snakemake(project, "-n")
    assert done.returncode != 0
    assert "`__use_yte__` would run the Python in this file" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_template_given_by_option_is_refused_afterwards(project):
    """Snakemake has run it by then: such files are code to trust."""
    (project / "more.yaml").write_text("__use_yte__: true\nseeds: [1]\n")
    done = snakemake(project, "-n", "--configfile", "more.yaml")
    assert done.returncode != 0
    assert "more.yaml: `__use_yte__` would run the Python in this file" in done.stdout + done.stderr


def test_paths_of_the_configuration_are_words_not_commands(project):
    name = "raw/$(touch ran) `touch ran`; touch ran '"
    (project / "raw/one").rename(project / name)
    reconfigure(project, lambda c: c["databases"]["one"].update(frames=name))
    done = snakemake(project, "ledger")
    assert done.returncode == 0, done.stderr


# --- HDF5: what lies above the datasets ---


def looped(file):
    file["items/again"] = file["items"]


def items_elsewhere(file):
    del file["items"]
    file["items"] = h5py.ExternalLink("other.h5", "/items")


def clips_elsewhere(file):
    file.move("clips", "others")
    file["clips"] = h5py.SoftLink("/others")


def references(file):
    file["items"].create_dataset("x", (4,), h5py.ref_dtype)


@pytest.mark.parametrize("harm", [looped, items_elsewhere, clips_elsewhere, references])
def test_stores_that_lead_elsewhere(tmp_path, harm):
    make(tmp_path / "other.h5")
    path = make(tmp_path / "flow.h5")
    with h5py.File(path, "a") as file:
        harm(file)
    with pytest.raises(InputError, match="refused|damaged|expected None clips"):
        Store(path, "flow")


# --- pickles ---


def zipped(path):
    torch.save({"model": Payload()}, path)


def bare(path):
    path.write_bytes(pickle.dumps(Payload(), protocol=2))


@pytest.mark.parametrize("write", [zipped, bare])
def test_pickles_among_weights_and_checkpoints(tmp_path, write):
    write(tmp_path / "x.pth")
    with pytest.raises(InputError, match="not a plain file of weights"):
        read_weights(tmp_path / "x.pth")
    with pytest.raises(InputError, match="nothing in it was run"):
        _resume(tmp_path / "x.pth", {}, None, None)
    with pytest.raises(InputError, match="nothing in it was run"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_pickle_in_place_of_a_training_s_checkpoint(tmp_path):
    zipped(tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="checkpoint.pt: holds more than tensors and plain values"):
        checkpoints.resume(tmp_path, {})
    torch.save([1], tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="holds a list, not a checkpoint"):
        checkpoints.resume(tmp_path, {})


def test_a_pickle_named_safetensors(tmp_path):
    bare(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="damaged"):
        run_folder.load_weights(tmp_path)
    with pytest.raises(InputError, match="not a plain file of weights"):
        read_weights(tmp_path / "weights.safetensors")


# --- frames ---


def postscript(path):
    """Pillow would hand it to Ghostscript."""
    Image.new("RGB", (8, 8)).save(path, format="EPS")


def tiff(path):
    Image.new("RGB", (8, 8)).save(path, format="TIFF")


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (half, "truncated"),
        (bomb, "megapixels|bomb"),
        (postscript, "not a readable"),
        (tiff, "not a readable"),
    ],
)
def test_a_bad_frame_fails_its_clip_by_name(tmp_path, harm, expected, capsys):
    """From the command line: nothing is published, the sentence names clip and file."""
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    (tmp_path / "frames/s1/c1").mkdir(parents=True)
    for number in (1, 2, 3):
        Image.fromarray(picture).save(tmp_path / f"frames/s1/c1/{number}.jpg")
    harm(tmp_path / "frames/s1/c1/2.jpg")
    with pytest.raises(InputError, match=expected):
        read_rgb(tmp_path / "frames/s1/c1/2.jpg")
    clip = Clip("mine", "s1", "c1", 1, 2, 3, "s1/c1", labels=dict.fromkeys(AUS, 0))
    (tmp_path / "mine.csv").write_text(to_csv([clip]))
    argv = ["faces", "mine.csv", "--frames", "frames", "--output", "faces.h5", "--size", "64"]
    assert cli.main(argv) == 1
    told = capsys.readouterr().err
    assert "mine clip s1/c1: error: s1/c1/2.jpg" in told
    assert not (tmp_path / "faces.h5").exists()
