"""Stores: one HDF5 file per database and stage. `clip_store` is the contract of its bytes."""

from infusenet.store.reader import DAMAGE, FORMAT, VERSION, Failure, Item, Store, folder_of, sidecar_of

__all__ = ["DAMAGE", "FORMAT", "VERSION", "Failure", "Item", "Store", "folder_of", "sidecar_of"]
