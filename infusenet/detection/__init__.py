"""New footage: where expressions are, which Action Units trained models find in them, and models to share."""
