"""New footage: spotting of expressions in it, trained models to share and to load, and their scores."""
