"""Models by the name of their method, and the scores of clips: functions of the public interface.

Heavy imports are inside, so that F1 does not wait for torch.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from infusenet.config import options, stage_recipes
from infusenet.errors import InputError, raise_all
from infusenet.protocol import AUS

if TYPE_CHECKING:
    from torch.nn import Module

    from infusenet.config.method_recipe import MethodRecipe
    from infusenet.training.trained_run import TrainedRun


def create_model(method: str, **settings) -> "Module":
    """The network of a method, in training mode on the CPU.

    Parameters
    ----------
    method : a name of `infusenet methods`, such as ``infusenet_resnet18``
    settings : of the method, as under `methods` in docs/configuration.md. ``weights="none"`` starts from scratch, with
        the random numbers of torch's seed; the default of most methods is ImageNet's weights, which are downloaded once

    Returns
    -------
    torch.nn.Module
        It takes its inputs by name, batches as float32 tensors; for ``infusenet_resnet18``, ``flow`` (B, 3, size,
        size), each channel in [0, 1], and ``latents`` (B, 64, size / 4, size / 4), those of the apex and of one more
        frame. It returns {head: float32 logits (B, 12)}, the Action Units in the order of ``infusenet.protocol.AUS``.
        Its attribute ``heads`` has the heads' names, the scored one first.

    Raises
    ------
    InputError
        An unknown method or setting, a value outside its range, or weights that are not there.

    References
    ----------
    Khor, Li, Jiang and Zhao, SCIA 2025, section 3 and table 1; the source of each method is in `infusenet methods`.

    Examples
    --------
    >>> import torch
    >>> from infusenet import create_model
    >>> model = create_model("infusenet_resnet18", weights="none", size=32).eval()
    >>> with torch.inference_mode():
    ...     logits = model(flow=torch.rand(2, 3, 32, 32), latents=torch.rand(2, 64, 8, 8))
    >>> {head: tuple(values.shape) for head, values in logits.items()}
    {'mag': (2, 12), 'flow': (2, 12)}
    """
    from infusenet import models

    return models.create(method_recipe(method, **settings))


def method_recipe(method: str, **settings) -> "MethodRecipe":
    """The recipe of a method with ``settings`` over its defaults, on stores of default recipes at the method's size."""
    from infusenet.config import configuration
    from infusenet.config.methods import method as method_named

    definition = method_named(method)
    raise_all(options.problems(method, settings, definition.settings), "settings refused")
    size = (definition.fixed | definition.recipe | settings)["size"]
    stages = {stage: {} for stage in stage_recipes.STAGES} | {"latents": {"size": size}}
    config = {
        "methods": {method: settings},
        "every_method": {},
        "recipe": "source",
        "variants": {},
        "compute": {"threads": 1},
    }
    return configuration.resolve_method(config | stages, method)


def score_clips(run: "TrainedRun") -> dict[str, np.ndarray]:
    """Logits of the clips of a run's held-out database, by a run of `load_run`.

    Parameters
    ----------
    run : that of `load_run`; its model is moved to ``run.device``

    Returns
    -------
    {head: float32 array (n, 12)}
        The scored head first. Row i belongs to ``run.database.clips[i]``, column k to Action Unit
        ``infusenet.protocol.AUS[k]``. An AU counts as predicted where its logit is above 0.

    Raises
    ------
    InputError
        No clip to score, or a store that is damaged.

    Examples
    --------
    ``run`` is that of the example of `load_run`.

    >>> from infusenet import score_clips
    >>> logits = score_clips(run)
    >>> {head: values.shape for head, values in logits.items()}
    {'mag': (10, 12), 'flow': (10, 12)}
    """
    from infusenet import devices
    from infusenet.training.predict import score

    if not len(run.data):
        raise InputError(
            f"{run.path}: no clip of {run.database.name} to score: all are among its stores' failed clips"
        )
    model = devices.place(run.model, run.device)
    logits, _ = score(model, run.data, run.device)
    return dict(zip(model.heads, np.split(logits, len(model.heads), axis=1), strict=True))


def f1_by_scope(
    labels: Mapping[str, np.ndarray], logits: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """F1 of the positive class, over all folds and for each of them.

    Parameters
    ----------
    labels : {held-out database: array (n, 12) of 0 and 1}
    logits : {held-out database: float array (n, 12)}, such as `score_clips` gives for the scored head; an AU counts as
        predicted where its logit is above 0

    Returns
    -------
    {scope: {AU: F1 in [0, 1]}}
        The scopes are ``pooled`` (all folds' clips together), ``mean`` (per fold, then averaged), ``macro2`` (mean of
        presence and absence, pooled) and each database. After the 12 AUs comes their ``average``. F1 is 0 where it is
        undefined: no positive label and none predicted.

    Raises
    ------
    InputError
        No database, other databases in ``logits``, other shapes than (n, 12), labels other than 0 and 1, or logits
        that are not finite.

    References
    ----------
    Opitz and Burst, *Macro F1 and macro F1* (arXiv 1911.03347) on the two orders of averaging.

    Examples
    --------
    >>> import numpy as np
    >>> from infusenet import f1_by_scope
    >>> labels = {"samm": np.eye(12), "casme": np.ones((4, 12))}
    >>> logits = {"samm": 2 * np.eye(12) - 1, "casme": -np.ones((4, 12))}  # all right, all missed
    >>> f1 = f1_by_scope(labels, logits)
    >>> list(f1)
    ['pooled', 'mean', 'macro2', 'samm', 'casme']
    >>> f1["mean"]["AU12"], f1["samm"]["average"], round(f1["pooled"]["average"], 3)
    (0.5, 1.0, 0.333)
    """
    from infusenet.evaluation.metric_rows import metric_rows

    raise_all(_fold_problems(labels, logits), "labels and logits refused")
    table: dict[str, dict[str, float]] = {}
    for row in metric_rows("", 0, labels, [logits[name] for name in labels]):
        table.setdefault(row.scope, {})[row.au] = row.f1
    return table


def _fold_problems(labels: Mapping, logits: Mapping):
    if not labels or set(labels) != set(logits):
        yield f"labels are of {sorted(labels)}, logits of {sorted(logits)}: expected the same databases"
        return
    for name in labels:
        shapes = np.shape(labels[name]), np.shape(logits[name])
        if shapes[0] != shapes[1] or shapes[0][1:] != (len(AUS),) or not shapes[0][0]:
            yield f"{name}: shapes {shapes[0]} and {shapes[1]}, expected (n, {len(AUS)}) of both, n at least 1"
        elif not np.isin(labels[name], (0, 1)).all():
            yield f"{name}: labels other than 0 and 1"
        elif not np.isfinite(logits[name]).all():
            yield f"{name}: logits that are not finite"
