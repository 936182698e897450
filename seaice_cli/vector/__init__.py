"""Polygons from masks: outlines, measures and file formats."""
