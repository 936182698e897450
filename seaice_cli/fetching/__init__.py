"""Scenes from servers: a date and a box in, a GeoTIFF that `predict` reads out."""
