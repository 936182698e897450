"""Optimisers, learning-rate schedules and the running mean of the weights."""
