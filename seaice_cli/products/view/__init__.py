"""Pages: scene, mask, concentrations and polygons to look at in a browser, without a server or a network."""
