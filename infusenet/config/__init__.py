"""The configuration: its keys and values, its paths, and the recipes that follow from it."""
