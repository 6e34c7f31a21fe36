"""New footage: folders of frames and videos that no database lists, trained models to share, and their scores."""
