"""The classifier as ONNX: onnxruntime gives torch's logits, and what cannot be exported is refused."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from model_inputs import recipe as recipe_of
from trained_runs import inputs, recipe_with, write_run

from infusenet.detection import onnx_export
from infusenet.detection.onnx_export import export_onnx
from infusenet.detection.trained_models import load_model
from infusenet.errors import InputError


@pytest.fixture(scope="module")
def run(tmp_path_factory, narrow):
    return write_run(tmp_path_factory.mktemp("run"), recipe=recipe_with(factor=4))


@pytest.fixture(scope="module")
def file(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(run, path)
    return path


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_onnxruntime_gives_the_logits_of_torch_for_any_number_of_clips(run, file, clips):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    arrays = inputs(clips)
    scores = session.run(None, {name: value.numpy() for name, value in arrays.items()})
    network = load_model(run).network
    with torch.inference_mode():
        expected = network(**arrays)
    assert [output.name for output in session.get_outputs()] == ["mag_logits", "flow_logits"]
    for head, logits in zip(network.heads, scores, strict=True):
        np.testing.assert_allclose(logits, expected[head].numpy(), rtol=0, atol=1e-4)
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_the_file_describes_itself_and_names_no_folder(run, file):
    model = onnx.load(file)
    onnx.checker.check_model(model)
    (entry,) = model.metadata_props
    facts = json.loads(entry.value)
    trained = load_model(run)
    assert (entry.key, facts["title"], facts["standins"]) == ("infusenet", trained.title, True)
    assert (facts["recipes"], facts["latents_gain"]) == (trained.recipes, (4 - 1) / (10 - 1))
    assert facts["action_units"][:3] == ["AU1", "AU2", "AU4"]
    assert [part.doc_string.split(":")[0] for part in model.graph.input] == [
        "float32 (B, 3, S, S) in [0, 1]",
        "float32 (B, 64, h, w)",
    ]
    assert b'.py", line' not in file.read_bytes()


def test_the_same_weights_give_the_same_bytes(run, file, tmp_path):
    export_onnx(run, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == file.read_bytes()


def test_what_cannot_be_exported_is_refused(run, narrow, tmp_path, monkeypatch):
    released = write_run(tmp_path, recipe=recipe_with(preset="released"))
    with pytest.raises(InputError, match="the min-max of infusenet_resnet18 spans the batch"):
        export_onnx(released, tmp_path / "model.onnx")
    model = load_model(run)
    decoded = replace(model, recipe=recipe_of("infusenet_decoded"))
    monkeypatch.setattr(onnx_export, "load_model", lambda *_, **__: decoded)
    with pytest.raises(InputError, match="reads decoded; ONNX is for flow, latents"):
        export_onnx(run, tmp_path / "model.onnx")
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs onnx and onnxscript; run `pip install 'infusenet\[onnx\]'`"):
        export_onnx(run, tmp_path / "model.onnx")
    assert not list(tmp_path.glob("*.onnx"))
