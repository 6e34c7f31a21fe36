"""The interface of a backbone: a stem, four blocks, a pooled vector and one classifier ``fc``."""

from torch import Tensor, nn

from infusenet.config.method_recipe import MethodRecipe
from infusenet.magnifier.network import as_read


class Backbone(nn.Module):
    """A network taken apart into ``stem``, ``blocks``, ``pool`` and ``fc``; alone it has one ``head``.

    InfuseNet needs the parts, so that it can infuse one network into another after each block. Initial weights go to
    every parameter but those whose names start with one of ``fresh``; ``prefix`` is what the names here have before
    those in a file. Every backbone also names its
    ``imagenet``: the source of such weights (`infusenet.models.weights`).
    """

    head = "flow"
    scoring_batch = 1
    fresh: tuple[str, ...] = ("fc.",)
    prefix = ""

    def adapt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A file's state dict under the names, and where they can be fitted the shapes, used here."""
        return {self.prefix + name: value for name, value in state.items()}

    def features(self, **inputs: Tensor) -> Tensor:
        """The stem's inputs by name -> the pooled vector that ``fc`` classifies, (B, C)."""
        x = self.stem(**inputs)
        for block in self.blocks:
            x = block(x)
        return self.pool(x)

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """The stem's inputs by name -> logits (B, 12) of the one head."""
        return {self.head: self.fc(self.features(**inputs))}


class LatentEntry(nn.Module):
    """Latents of two pairs float (B, 64, h, w) -> maps (B, 64, S / 4, S / 4), S the frames' side.

    ``form`` of the latents: ``raw`` (h = S / 2) or ``pooled`` (h = S / 4) when the store was written
    after ReLU and max-pooling. ``norm``: batch normalisation of the latents as they come: pooled ones are
    normalised after ReLU and max-pooling, raw ones before both, so that the two forms give different maps.
    """

    def __init__(self, form: str, norm: bool = False):
        super().__init__()
        self.form = form
        self.norm = nn.BatchNorm2d(64) if norm else nn.Identity()

    def forward(self, latents: Tensor) -> Tensor:
        latents = self.norm(latents)
        if self.form == "pooled":
            return latents
        return as_read(latents)


def latent_entry(recipe: MethodRecipe) -> LatentEntry:
    """The entry for the latents store that a method recipe declares."""
    return LatentEntry(recipe.stores["latents"].recipe.form, bool(recipe.latent_norm))
