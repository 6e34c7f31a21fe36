"""The networks: one file per family, listed in `infusenet.models.registry`."""

from infusenet.models.registry import MODELS, Model, create, heads_by_name

__all__ = ["MODELS", "Model", "create", "heads_by_name"]
