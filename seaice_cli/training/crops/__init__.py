"""Crops: labelled scenes of any size, which of their crops make a batch, and which ground is kept for validation."""
