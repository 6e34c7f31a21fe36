"""New footage: frames and videos that no database lists, spotting in them, trained models to share, and scores."""
