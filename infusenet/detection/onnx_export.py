"""The classifier of a trained model as one ONNX file, for programs without torch."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from infusenet.detection.trained_models import TrainedModel, load_model
from infusenet.errors import InputError
from infusenet.files import aside
from infusenet.hashing import canonical
from infusenet.protocol import AUS
from infusenet.training.inputs import gain

PACKAGES = ("onnx", "onnxscript")
# The inputs as a network takes them (`infusenet.training.inputs`).
INPUTS = {
    "flow": "float32 (B, 3, S, S) in [0, 1]: f_x, f_y and strain of a clip, each min-max normalised over the image",
    "latents": "float32 (B, 64, h, w): latents of the onset with the apex and with a frame after it, times latents_gain",
}


class Classifier(nn.Module):
    """A network whose inputs have an order, and its heads too, the scored one first."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]):
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Inputs in the order of ``names`` -> logits float32 (B, 12) of each head."""
        heads = self.network(**dict(zip(self.names, inputs, strict=True)))
        return tuple(heads[head] for head in self.network.heads)


def export_onnx(path: Path | str, output: Path | str, magnifier: Path | None = None) -> None:
    """Write the classifier of a run folder, or of a bundle of one model, as ONNX.

    The file's inputs are those of `INPUTS` that the model reads, for any number B of clips; its outputs ``{head}_logits``
    float32 (B, 12), the scored head first. Its metadata has one entry, ``infusenet``: JSON with ``action_units``,
    ``title``, ``standins`` (true, false, or null for unknown), ``recipes``, and ``latents_gain``, the factor on stored
    latents that gives them the method's magnification. The same weights give the same bytes.

    Raises
    ------
    InputError
        The packages of the extra ``onnx`` are missing; the model reads other inputs; its scores depend on the other
        clips of a batch; errors of `load_model`.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise InputError(f"ONNX needs {' and '.join(missing)}; run `pip install 'infusenet[onnx]'`")
    model = load_model(path, magnifier=magnifier)
    examples = _examples(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two inputs with one name for B, and of a ViT's cached biases
        graph = torch.onnx.export(
            Classifier(model.network, tuple(examples)).eval(),
            tuple(examples.values()),
            input_names=list(examples),
            output_names=[f"{head}_logits" for head in model.network.heads],
            dynamic_shapes=(tuple({0: "batch"} for _ in examples),),
            dynamo=True,
            verbose=False,
        ).model_proto
    _describe(graph, model)
    with aside(Path(output)) as temporary:
        temporary.write_bytes(graph.SerializeToString(deterministic=True))


def _examples(model: TrainedModel) -> dict[str, Tensor]:
    """Inputs of the right shapes, by name, of two clips: of one, the graph would take no other number."""
    recipe = model.recipe
    if others := recipe.stores.keys() - INPUTS:
        raise InputError(
            f"{model.path}: {recipe.method} reads {', '.join(sorted(others))}; ONNX is for {', '.join(INPUTS)}"
        )
    if model.network.scoring_batch > 1:
        raise InputError(
            f"{model.path}: the min-max of {recipe.method} spans the batch, so a clip's score depends on the others; "
            "ONNX is for presets with another scope"
        )
    shapes = {"flow": (2, 3, recipe.size, recipe.size)}
    if "latents" in recipe.stores:
        side = recipe.stores["latents"].recipe.side
        shapes["latents"] = (2, 64, side, side)
    return {name: torch.zeros(shapes[name]) for name in recipe.stores}


def _describe(graph, model: TrainedModel) -> None:
    """Put the model's facts in place of the exporter's, which name folders of this machine."""
    for parts in (
        graph.graph.node,
        graph.graph.initializer,
        graph.graph.value_info,
        graph.functions,
        [graph.graph],
    ):
        for part in parts:
            part.ClearField("metadata_props")
            part.ClearField("doc_string")
    for part in graph.graph.input:
        part.doc_string = INPUTS[part.name]
    facts = {
        "action_units": [f"AU{n}" for n in AUS], "title": model.title, "standins": model.on_standins,
        "recipes": model.recipes, "latents_gain": gain(model.recipe),
    }  # fmt: skip
    graph.ClearField("metadata_props")
    graph.metadata_props.add(key="infusenet", value=canonical(facts))
