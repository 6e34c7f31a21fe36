"""The stages faces, flow and latents: each computes an item per clip of a database and writes a store."""
