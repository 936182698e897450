"""What is made from masks and polygons: floe sizes, concentration, previews."""
