"""Stores: one HDF5 file per database and stage. `infusenet.store.format` is the contract of its bytes."""

from infusenet.store.format import DAMAGE, FORMAT, VERSION, Failure, Item, folder_of, sidecar_of
from infusenet.store.reader import Store

__all__ = ["DAMAGE", "FORMAT", "VERSION", "Failure", "Item", "Store", "folder_of", "sidecar_of"]
