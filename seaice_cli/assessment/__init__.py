"""Scores of masks, probabilities, edges and polygons against references."""
