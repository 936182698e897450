"""Windows: which cover a raster, how they are read, and how their probabilities are blended."""
