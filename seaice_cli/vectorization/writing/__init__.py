"""Writing polygons: attributes, geometries, file formats and styles."""
