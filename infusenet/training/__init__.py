"""From stores to a trained fold and its predictions."""
