"""Pictures of rasters of any size: what maps and pages are made of."""
