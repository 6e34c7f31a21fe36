"""One step of a training: a batch's losses, their gradients, Adam; and the sums for the epoch's row of the log."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from infusenet import devices
from infusenet.errors import InputError
from infusenet.protocol import AUS
from infusenet.training.adam import EagerAdam
from infusenet.training.dataset import ClipDataset


class Step:
    """Called with a batch as `ClipDataset.batches` gives it, it trains the model on it.

    Binary cross-entropy on 12 logits, summed over the heads with weight 1; the losses are float32 in every
    precision. The log's sums stay on the device until the end of the epoch: reading one would make the host wait in
    every step.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: EagerAdam,
        data: ClipDataset,
        device: torch.device,
        precision: str = "float32",
    ):
        self.model, self.optimizer, self.data = model, optimizer, data
        self.device, self.precision = device, precision
        # A captured step reads the rates from memory; the host's floats stay the schedule's and the checkpoint's.
        self._rates = [torch.zeros((), device=device) for _ in optimizer.param_groups]
        self.losses = torch.zeros(len(model.heads), dtype=torch.double, device=device)
        self.counts = torch.zeros(3, len(AUS), device=device)

    def __call__(self, kept: dict[str, Tensor], labels: Tensor) -> None:
        inputs = self.data.network_inputs(kept)
        inputs = {name: devices.to_device(value, self.device) for name, value in inputs.items()}
        with devices.autocast(self.device, self.precision):
            heads = {name: logits.float() for name, logits in self.model(**inputs).items()}
        terms = [binary_cross_entropy_with_logits(heads[name], labels) for name in self.model.heads]
        self.optimizer.zero_grad()
        sum(terms).backward()
        self._update()
        with torch.no_grad():
            self.losses += torch.stack(terms).double() * len(labels)
            positive = (heads[self.model.heads[0]] > 0).float()
            self.counts += torch.stack([(positive * labels).sum(0), positive.sum(0), labels.sum(0)])

    def start_epoch(self) -> None:
        """Set the sums to zero and the rates to those of the schedule."""
        self.losses.zero_()
        self.counts.zero_()
        for rate, group in zip(self._rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])

    def _update(self) -> None:
        if not self.optimizer.defaults["capturable"]:
            self.optimizer.step()
            return
        rates = [group["lr"] for group in self.optimizer.param_groups]
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate
        self.optimizer.step()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def row(self, clips: int) -> dict[str, float]:
        """The mean loss of each head and the F1 on the clips as they passed since `start_epoch`.

        ``f1`` is the mean over AUs of the positive class's F1 of the scored head (positive iff logit > 0,
        0 where an AU has neither positives nor predictions), with the weights of the moment.

        Raises
        ------
        InputError
            A loss is not finite.
        """
        losses = zip(self.model.heads, self.losses.tolist(), strict=True)
        row = {f"loss_{name}": total / clips for name, total in losses}
        if not self.losses.isfinite().all():
            raise InputError(f"training diverged: {row}; lower the method's rate, or check its inputs")
        hits, predicted, present = self.counts
        return row | {"f1": (2 * hits / (predicted + present).clamp(min=1)).mean().item()}
