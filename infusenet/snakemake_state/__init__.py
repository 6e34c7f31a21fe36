"""Snakemake's records, locks and plan of a run, and every touch of Snakemake's own internals."""
