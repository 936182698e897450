"""Metrics: sums that can be added over scenes, and the scores that follow from them."""
