"""From predictions to F1: metrics, tables, plots, and the comparison of two runs."""
