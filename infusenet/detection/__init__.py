"""New footage: trained models to share and to load."""
