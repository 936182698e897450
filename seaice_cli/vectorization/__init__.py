"""Vectorization: polygons from masks, with measures and file formats."""
