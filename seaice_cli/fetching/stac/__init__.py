"""Scenes out of STAC: items that a server finds, or one that a file holds, as one raster."""
