"""Folds: training on all databases except one, and the predictions for that one."""
