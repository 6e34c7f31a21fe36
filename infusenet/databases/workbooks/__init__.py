"""Annotation tables, from a file to rows: sheets, header, cells, labels."""
