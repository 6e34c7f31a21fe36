"""Folds: training on all databases but one, and the predictions for that one."""
