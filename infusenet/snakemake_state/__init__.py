"""Snakemake's records, locks and plan of a run, and all code that uses Snakemake's internals."""
