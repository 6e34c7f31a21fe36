"""The functions of the public interface that put others together, and the page that describes the interface.

The list of public names is in ``infusenet/__init__.py``.
"""
