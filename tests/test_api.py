"""The public interface: its names, their examples, and the functions that put others together."""

import ast
import doctest
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
import untrained
from projects import ROOT
from synthetic import write_database

import infusenet
from infusenet import InputError, flow_and_strain, magnified_latents
from infusenet.api import reference_page
from infusenet.config import stage_recipes
from infusenet.preprocess.latents import encoded, pictures
from infusenet.preprocess.optical_flow import flow_images
from infusenet.protocol import AUS
from infusenet.training.predict import predict

PACKAGE = Path(infusenet.__file__).parent


def test_the_import_loads_no_heavy_library():
    code = "import sys, infusenet; print(*{'torch', 'numpy', 'cv2', 'h5py', 'yaml'} & sys.modules.keys())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == ""


def test_crops_need_no_torch():
    code = "import sys; from infusenet import crop_face, detect_face, read_manifest; print('torch' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"


def test_type_checkers_see_the_names_that_are_imported_when_used():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    static = {
        alias.asname: (node.module.removeprefix("infusenet."), alias.name)
        for node in block.body
        for alias in node.names
    }
    assert static == infusenet.PUBLIC
    assert set(infusenet.__all__) <= set(dir(infusenet))


def test_the_reference_page_is_that_of_the_docstrings():
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert text == reference_page.page(), "python -m infusenet.api.reference_page > docs/api.md"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'infusenet' has no attribute 'flow_and_strian'"):
        infusenet.flow_and_strian  # noqa: B018


@pytest.mark.parametrize("name", infusenet.__all__)
def test_a_public_name_has_a_documented_example(name):
    public = getattr(infusenet, name)
    assert doctest.DocTestFinder(recurse=False).find(public, name)[0].examples
    if not inspect.isclass(public):
        assert "Parameters\n---" in inspect.getdoc(public)
        assert "Returns\n---" in inspect.getdoc(public)


@pytest.fixture(scope="module")
def run_files(tmp_path_factory):
    """A run of untrained weights that held out the database alpha, and its stores and manifests."""
    root = tmp_path_factory.mktemp("run")
    recipes = {"flow": untrained.RECIPES["flow"], "latents": untrained.LATENTS}
    write_database(root, "alpha", recipes=recipes)
    run = untrained.write_run(root, "infusenet_resnet18", "alpha")
    return {"run_folder": run, "cache": root / "cache", "manifests": root / "manifests"}


def test_the_examples_of_the_interface_give_what_they_show(run_files, tmp_path, monkeypatch, thread_count):
    """In the order of docs/api.md, where an example may continue one above it."""
    monkeypatch.chdir(tmp_path)
    runner, names = doctest.DocTestRunner(), dict(run_files)
    for name in infusenet.PUBLIC:
        (example,) = doctest.DocTestFinder(recurse=False).find(getattr(infusenet, name), name, globs={})
        example.globs = names
        runner.run(example, clear_globs=False)
    assert runner.summarize().failed == 0


@pytest.mark.parametrize("name", ["errors", "json_notes", "texts"])
def test_other_examples_give_what_they_show(name):
    results = doctest.testmod(import_module(f"infusenet.{name}"))
    assert results.attempted
    assert not results.failed


def test_no_example_is_left_out():
    modules = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if has_example(path)}
    public = {f"{module.replace('.', '/')}.py" for module, _ in infusenet.PUBLIC.values()}
    assert modules == public | {"json_notes.py", "texts.py"}


def has_example(path):
    return "    >>> " in path.read_text(encoding="utf-8")


def frames(count, side=48):
    """Frames of a smooth picture that moves to the right by 0.4 px each."""
    y, x = np.mgrid[:side, :side]
    waves = [128 + 60 * np.sin((x - 0.4 * n) / 3) * np.cos(y / 4) for n in range(count)]
    return np.repeat(np.stack(waves)[..., None], 3, 3).astype(np.uint8)


@pytest.mark.parametrize(
    ("count", "settings"), [(1, {}), (3, {"strain": "meb"}), (1, {"solver": "opencv_tvl1"})]
)
def test_flow_of_a_pair_and_of_a_batch_is_the_stage_s(count, settings):
    images = np.stack([frames(5), frames(5)[:, ::-1]])
    onsets, apexes = images[:, 0], images[:, 1 : 1 + count]
    recipe = stage_recipes.resolve("flow", {"frames": count, **settings})
    expected = flow_images(onsets, apexes, recipe)
    np.testing.assert_array_equal(flow_and_strain(onsets, apexes, **settings), expected)
    np.testing.assert_array_equal(flow_and_strain(onsets[1], apexes[1], **settings), expected[1])
    if count == 1:
        np.testing.assert_array_equal(flow_and_strain(onsets, apexes[:, 0], **settings), expected)
        np.testing.assert_array_equal(flow_and_strain(onsets[0], apexes[0, 0], **settings), expected[0])


def test_latents_are_the_stage_s():
    magnifier, images = infusenet.load_magnifier(), frames(4)
    images[2] = images[0]
    recipe = stage_recipes.resolve("latents", {"size": 32, "factor": 5, "form": "raw"})
    clip = pictures(images, [1, 5, 1, 7], recipe)
    [expected] = encoded(magnifier, [clip], recipe, torch.device("cpu"))
    actual = magnified_latents(images, magnifier, size=32, factor=5, form="raw")
    np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(actual, magnified_latents(images, size=32, factor=5, form="raw"))
    assert not actual[1].any()


def test_the_caller_s_number_of_threads_stays(thread_count):
    thread_count(2)
    magnified_latents(frames(2, 16))
    flow_and_strain(*frames(2, 16))
    assert torch.get_num_threads() == 2


def test_crops_of_a_clip_are_those_of_its_frames():
    landmarks = np.random.default_rng(0).uniform(10, 38, (68, 2))
    images = frames(3)
    expected = [infusenet.crop_face(image, landmarks, 32) for image in images]
    np.testing.assert_array_equal(infusenet.crop_face(images, landmarks, 32), expected)
    assert infusenet.crop_face(images[0], landmarks).shape == (224, 224, 3)


@pytest.mark.parametrize("method", ["late_fusion", "off_apexnet", "vit_tiny_mag"])
def test_a_model_by_the_name_of_a_method(method):
    settings = {} if method == "off_apexnet" else {"weights": "none", "size": 64}
    assert infusenet.create_model(method, **settings).heads


LABELS = {"samm": np.eye(12), "casme": np.ones((4, 12))}
REFUSED = {
    "crop_face: float": (lambda: infusenet.crop_face(frames(1) / 255, np.ones((68, 2))), "float64 array"),
    "crop_face: gray": (lambda: infusenet.crop_face(frames(1)[0, ..., 0], np.ones((68, 2))), "expected RGB"),
    "crop_face: 5 points": (lambda: infusenet.crop_face(frames(1), np.ones((5, 2))), r"\(5, 2\), expected \(68"),
    "crop_face: size": (lambda: infusenet.crop_face(frames(1), np.ones((68, 2)), 4), "faces.size is 4"),
    "flow: sizes": (lambda: flow_and_strain(frames(1), frames(1, 64)), "expected frames of one size"),
    "flow: pairs": (lambda: flow_and_strain(frames(1), frames(2)), "as many pairs"),
    "flow: frames": (lambda: flow_and_strain(frames(1)[0], frames(2)), r"flow.frames is 2 \(known: 1, 3\)"),
    "flow: frames twice": (lambda: flow_and_strain(*frames(2), frames=3), "frames is no setting here"),
    "flow: key": (lambda: flow_and_strain(*frames(2), solvr="x"), "did you mean 'solver'"),
    "flow: device": (lambda: flow_and_strain(*frames(2), device="tpu"), "expected auto, cpu or cuda"),
    "latents: one frame": (lambda: magnified_latents(frames(2)[0]), r"\(N, H, W, 3\)"),
    "latents: oblong": (lambda: magnified_latents(frames(2)[:, :40]), "expected square crops"),
    "latents: large": (lambda: magnified_latents(frames(2), size=64), "crops of 48 px, expected at least 64"),
    "latents: weights": (lambda: magnified_latents(frames(2), weights="w.pth"), "load_magnifier"),
    "latents: decoded": (lambda: magnified_latents(frames(2), latent="decoded"), "needs form: raw"),
    "model: name": (lambda: infusenet.create_model("infusenet"), "unknown method 'infusenet'"),
    "model: key": (lambda: infusenet.create_model("late_fusion", sise=3), "did you mean 'size'"),
    "f1: databases": (lambda: infusenet.f1_by_scope(LABELS, {"samm": np.eye(12)}), "the same databases"),
    "f1: none": (lambda: infusenet.f1_by_scope({}, {}), "the same databases"),
    "f1: all problems": (
        lambda: infusenet.f1_by_scope(LABELS, {"samm": np.eye(12)[:, :11], "casme": np.ones((4, 12)) * np.nan}),
        r"\(12, 12\) and \(12, 11\)[^$]*casme: logits that are not finite",
    ),
    "f1: labels": (lambda: infusenet.f1_by_scope({"a": 2 * np.eye(12)}, {"a": np.eye(12)}), "other than 0 and 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_arguments_are_refused_with_what_was_expected(case):
    call, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        call()


def test_a_run_is_scored_as_predict_does(run_files, thread_count):
    run = infusenet.load_run(*map(str, run_files.values()))
    output = run_files["run_folder"].with_name("scored") / "predictions.csv"
    predict(run_files["run_folder"], run_files["cache"], run_files["manifests"], output, device="cpu")
    columns = np.genfromtxt(output, delimiter=",", names=True, dtype=None, encoding="utf-8")
    for head, logits in infusenet.score_clips(run).items():
        np.testing.assert_array_equal(
            logits, np.stack([columns[f"{head}_AU{n}"] for n in AUS], 1).astype(np.float32)
        )
