"""What a run would do, before it runs: Snakemake's jobs, the clips behind them, and their time."""
