"""Polygons over rasters: read from vector files, moved to a raster and clipped."""
