"""Other coordinates: polygons moved to another reference system, and cut where the world's map is.

Edges that run straight for long in one system are curves in another, so they get points first. In longitudes and
latitudes a polygon that crosses the antimeridian, or has a pole in it, is cut as RFC 7946 asks (section 3.1.9).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from seaice_cli.errors import OptionError

Array = npt.NDArray[Any]
Geometries = npt.NDArray[np.object_]

_FRAME = shapely.box(-180, -90, 180, 90)
_AT_POLE = 1e-9
WGS84 = "EPSG:4326"


def read_system(text: str) -> str:
    """Return a reference system, given as "EPSG:3413" or in any other way PROJ reads, as WKT.

    Raises:
        OptionError: It is none.
    """
    import pyproj  # not above: most runs stay in the mask's own system, and it is slow to load

    try:
        return str(pyproj.CRS.from_user_input(text).to_wkt())
    except pyproj.exceptions.CRSError as error:
        raise OptionError(f"`t_srs` {text!r}: no coordinate reference system; write it like EPSG:3413") from error


def refuse_unreachable(name: str, source: str, target: str) -> None:
    """Refuse a reference system to which no way leads from another: a local one, or that of another planet.

    Args:
        name: Of the raster, for the error.
        source: WKT of the raster.
        target: WKT, or as `read_system` takes it.

    Raises:
        OptionError: No way leads there.
    """
    import pyproj

    try:
        pyproj.Transformer.from_crs(source, target, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        kind = pyproj.CRS.from_user_input(source).type_name
        raise OptionError(
            f"{name}: no way leads from its reference system ({kind}) to {pyproj.CRS.from_user_input(target).name}; write .gpkg in the "
            f"system that it has, or georeference it first"
        ) from error


def is_geographic(text: str) -> bool:
    """Tell whether coordinates are longitudes and latitudes."""
    import pyproj

    return bool(pyproj.CRS.from_user_input(text).is_geographic)


class Projection:
    """Moves polygons from one reference system to another.

    Args:
        source: WKT.
        target: WKT or "EPSG:4326".
        longest: Edges longer than this, in units of the source, get points.
    """

    def __init__(self, source: str, target: str, *, longest: float) -> None:
        import pyproj

        self._change = pyproj.Transformer.from_crs(source, target, always_xy=True)
        self._longest = longest
        self._geographic = is_geographic(target)

    def __call__(self, polygons: Geometries) -> Geometries:
        """Return the polygons in the target system.

        Raises:
            OptionError: The target system does not reach that far.
        """
        moved: Geometries = shapely.transform(shapely.segmentize(polygons, self._longest), self._move)
        if self._geographic:
            torn = _find_torn(moved)
            for index in np.flatnonzero(torn):
                moved[index] = _cut(moved[index])
        return moved

    def _move(self, points: Array) -> Array:
        x, y = self._change.transform(points[:, 0], points[:, 1])
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise OptionError(
                "`t_srs`: the mask lies partly beyond what this reference system can show; choose another"
            )
        if self._geographic:
            x = np.where(np.abs(x) > 180, (x + 180) % 360 - 180, x)  # of rasters that count from 0 to 360 degrees
        return np.stack([x, y], axis=1)


def _find_torn(polygons: Geometries) -> npt.NDArray[np.bool_]:
    """Tell which polygons have an edge that seems to go round more than half the world."""
    points, owners = shapely.get_coordinates(polygons, return_index=True)
    jumps = (np.abs(np.diff(points[:, 0])) > 180) & (np.diff(owners) == 0)
    torn = np.zeros(polygons.size, bool)
    torn[owners[1:][jumps]] = True
    return torn


def _cut(geometry: Any) -> Any:
    """Cut a polygon along the antimeridian; with a pole in it, make it reach the map's edge there."""
    parts = [piece for polygon in shapely.get_parts(geometry) for piece in _cut_polygon(polygon)]
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _cut_polygon(polygon: Any) -> list[Any]:
    """Lay the polygon out on a map that goes on beyond 180 degrees, and cut out the world's frame."""
    rings = [_unroll(np.asarray(ring.coords)) for ring in (polygon.exterior, *polygon.interiors)]
    around = [abs(ring[-1, 0] - ring[0, 0]) > 180 for ring in rings]
    worlds = [_mend(shapely.Polygon(_close_at_pole(ring))) for ring, turns in zip(rings, around, strict=True) if turns]
    if not around[0]:
        worlds.append(shapely.union_all(_repeat(rings[0])))
    laid = shapely.intersection_all([_FRAME, *worlds])
    inner = [ring for ring, turns in zip(rings[1:], around[1:], strict=True) if not turns]
    holes = [part for ring in inner for copy in _repeat(ring) for part in shapely.get_parts(copy)]
    if holes:
        together = shapely.multipolygons(holes)  # they touch in points at most, but for what bends near a pole
        laid = shapely.difference(laid, together if together.is_valid else shapely.union_all(holes))
    pieces = [part for part in shapely.get_parts(_mend(laid)) if part.geom_type == "Polygon" and part.area > 0]
    return list(shapely.orient_polygons(np.array(pieces, object)))


def _unroll(points: Array) -> Array:
    """Let longitudes run on beyond 180 degrees; a point at a pole has the longitudes of both its neighbours."""
    at_pole = np.flatnonzero(np.abs(points[:-1, 1]) > 90 - _AT_POLE)
    for k in at_pole[::-1]:
        before, after = points[k - 1 if k else -2, 0], points[k + 1, 0]
        points = np.concatenate([points[:k], [(before, points[k, 1]), (after, points[k, 1])], points[k + 1 :]])
    if at_pole.size and at_pole[0] == 0:
        points[-1] = points[0]
    steps = (np.diff(points[:, 0]) + 180) % 360 - 180
    return np.stack([points[0, 0] + np.concatenate([[0.0], np.cumsum(steps)]), points[:, 1]], axis=1)


def _mend(geometry: Any) -> Any:
    """Return the geometry valid: within a few pixels of a pole, straight lines on the map may cross each other."""
    return geometry if geometry.is_valid else shapely.make_valid(geometry, method="structure", keep_collapsed=False)


def _repeat(ring: Array) -> list[Any]:
    """Return the ring as polygons on all worlds on which it reaches into the frame."""
    west, east = ring[:, 0].min(), ring[:, 0].max()
    shifts = [shift for shift in (-720, -360, 0, 360, 720) if west + shift < 180 and east + shift > -180]
    return [_mend(shapely.Polygon(ring + np.array([shift, 0]))) for shift in shifts]


def _close_at_pole(ring: Array) -> Array:
    """Return the outline of what is to the left of a ring round a pole: all up to the pole that it turns about."""
    turn = 360.0 if ring[-1, 0] > ring[0, 0] else -360.0
    course = np.concatenate([ring[:-1] + np.array([turn * k, 0]) for k in (-2, -1, 0, 1, 2)])
    pole = 90.0 if turn > 0 else -90.0
    return np.concatenate([course, [(course[-1, 0], pole), (course[0, 0], pole)]])
