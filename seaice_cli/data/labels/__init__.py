"""Labels: rasters, colour codes and polygons read as class ids."""
