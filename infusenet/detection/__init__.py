"""New footage: where expressions are, and which Action Units a trained model finds."""
