"""A finished training beside the database that it held out, ready to score clips or to be looked into."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from infusenet import devices, models
from infusenet.config.method_recipe import MethodRecipe
from infusenet.errors import InputError, did_you_mean, raise_all
from infusenet.models.unfilled_parameters import UnfilledParameters
from infusenet.training import dataset, folds, run_folder
from infusenet.training.pseudo_apex import PREDICTION


@dataclass(frozen=True)
class TrainedRun:
    """``facts`` of the training; ``model`` in evaluation mode on the CPU; ``data`` are the clips of the
    held-out ``database``; ``device``: where the model may be moved."""

    path: Path
    facts: dict
    recipe: MethodRecipe
    model: torch.nn.Module
    database: folds.Database
    data: dataset.ClipDataset
    device: torch.device

    def inputs(self, clip: str) -> dict[str, torch.Tensor]:
        """The inputs that ``subject/clip`` was scored with, by name, without a batch dimension."""
        keys = [each.key for each in self.database.clips]
        if clip not in keys:
            raise InputError(f"{self.path}: no scored clip '{clip}' {did_you_mean(clip, keys)}")
        return self.data[PREDICTION, keys.index(clip)][0]


def restore(
    run: Path | str,
    stores: Path | str | folds.Folders,
    manifests: Path | str,
    *,
    left_out: Collection[tuple[str, str]] = (),
    device: str = "cpu",
) -> TrainedRun:
    """Read a finished training, open its held-out database, and set torch as in training.

    Parameters
    ----------
    run : the run folder, such as results/infusenet_resnet18/samm/seed0
    stores : the folder with ``{database}/{stage}.h5``, such as cache
    manifests : the folder with ``{database}.csv``, such as data_manifests
    left_out : clips that other methods lack, as (database, ``subject/clip``)
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    `TrainedRun`

    Raises
    ------
    InputError
        No finished training in ``run``, or stores that do not fit its recipe or the manifest.

    Examples
    --------
    ``run_folder``, ``cache`` and ``manifests`` are folders of a finished run.

    >>> from infusenet import load_run
    >>> run = load_run(run_folder, cache, manifests)
    >>> run.recipe.method, run.database.name, len(run.database.clips)
    ('infusenet_resnet18', 'alpha', 10)
    """
    stores = Path(stores) if isinstance(stores, str) else stores
    state, facts = run_folder.load_weights(run)
    recipe = run_folder.recipe_of(run, facts)
    place = devices.start(device, recipe.threads)
    database = folds.open_database(facts["held_out"], stores, manifests, recipe, left_out)
    model = network(recipe, state, run)
    data = dataset.ClipDataset([database], recipe, facts["seed"])
    return TrainedRun(Path(run), facts, recipe, model, database, data, place)


def network(recipe: MethodRecipe, state: dict[str, torch.Tensor], origin: object) -> torch.nn.Module:
    """The network of a recipe with the weights of ``state``, in evaluation mode on the CPU.

    Raises
    ------
    InputError
        Names or shapes of ``state``, which is that of ``origin``, are not the network's, or a weight is not finite.
    """
    # The files that a training started from may be gone since: its own weights replace them all.
    with UnfilledParameters():
        model = models.create(replace(recipe, weights="none", magnifier=None))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        _, *problems = str(error).splitlines()
        raise_all((problem.strip() for problem in problems), f"{origin}: not the weights of {recipe.model}")
    loaded = model.state_dict()
    infinite = [name for name in state if not _finite(loaded[name])]
    raise_all((f"{name} is not finite" for name in infinite), f"{origin}: damaged weights")
    return model.eval()


def _finite(values: torch.Tensor) -> bool:
    # Minimum and maximum are NaN if a value is. To ask each value takes over ten times as long.
    return not values.numel() or all(extreme.isfinite() for extreme in values.aminmax())
