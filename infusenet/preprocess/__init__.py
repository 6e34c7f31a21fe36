"""The stages: what a recipe computes for every clip of a database, written into a store."""
