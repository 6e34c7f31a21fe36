"""Evaluation: metrics, tables and plots from saved predictions, and the comparison of two runs."""
