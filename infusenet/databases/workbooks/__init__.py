"""Annotation tables: sheets, header, cells, AU strings; from a file to rows."""
