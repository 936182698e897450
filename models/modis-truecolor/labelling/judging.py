"""The ground that is kept for judging: polygons drawn by hand that no training may see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyogrio
import shapely
from affine import Affine
from rasterio.features import rasterize

POLYGONS = Path(__file__).resolve().parents[1] / "labels" / "judge"


def find_judging_ground(name: str, transform: Affine, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return where a scene is judged, (height, width); the polygons lie in the scene's CRS.

    Args:
        name: Stem of the scene's file.
        transform: From pixels to coordinates.
        shape: Height and width of the scene.
    """
    _, _, geometries, _ = pyogrio.raw.read(POLYGONS / f"{name}.geojson")
    burnt = rasterize(
        shapely.from_wkb(geometries), out_shape=shape, transform=transform, all_touched=True, dtype="uint8"
    )
    return np.asarray(burnt) > 0
