"""Rasters: reading, windows, polygons over them, writing."""
