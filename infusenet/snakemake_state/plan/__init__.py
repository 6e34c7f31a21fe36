"""The plan of a run: the jobs that Snakemake would start, the clips behind them, and their time."""
