"""Evaluation: masks, probabilities, edges and polygons scored against references."""
