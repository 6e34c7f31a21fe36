"""The spotting bench: spotted intervals in long stand-in films against the true ones (`benchmarks/spotting.py`)."""
