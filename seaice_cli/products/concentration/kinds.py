"""What a pixel can be for a concentration: no data, ice, open water, hidden, or land."""

from __future__ import annotations

NODATA, ICE, WATER, UNKNOWN, LAND = range(5)
"""`UNKNOWN` is what hides the sea or leaves it unsure: cloud, shadow."""
KINDS = 5
