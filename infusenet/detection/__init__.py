"""New footage: folders of frames and videos that no database lists, and the scores of trained models on them."""
