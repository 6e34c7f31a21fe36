"""infusenet: micro-expression Action Unit detection across databases."""

__version__ = "0.1.0"
