"""Models: their specification, the catalogue, the builders and the engines that run them."""
