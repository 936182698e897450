"""Extent, area, marginal ice zone and edge of the ice, from concentrations on a grid."""
