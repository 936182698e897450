"""Scenes, windows, blending and masks: everything that knows what a raster is."""
