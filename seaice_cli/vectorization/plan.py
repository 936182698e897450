"""The plan: everything about a run that is known before the first pixel is read, checked."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from affine import Affine

import seaice_cli
from seaice_cli.errors import OptionError
from seaice_cli.vectorization.areas import PixelAreas, survey
from seaice_cli.vectorization.masks import Mask, Probability, choose_values
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.projection import WGS84, Projection, is_geographic, read_system, refuse_unreachable
from seaice_cli.vectorization.splitting.landscape import Landscape
from seaice_cli.vectorization.splitting.numbering import FloeNumbers
from seaice_cli.vectorization.tracing import contours, counts
from seaice_cli.vectorization.tracing.counts import AREA_BITS
from seaice_cli.vectorization.tracing.filling import fill_holes
from seaice_cli.vectorization.tracing.joining import Parts
from seaice_cli.vectorization.tracing.outlines import Outlines, arrange, share_out
from seaice_cli.vectorization.tracing.simplification import make_borders, simplify
from seaice_cli.vectorization.tracing.strips import FLOES, Tracing
from seaice_cli.vectorization.writing.attributes import Description, build_binary, describe_schema
from seaice_cli.vectorization.writing.formats import Format, Layer, choose_layer_name, find_format
from seaice_cli.vectorization.writing.geometries import build_polygons, encode, place, promote
from seaice_cli.vectorization.writing.sigrid import chart_codes

LOGGER = logging.getLogger(__name__)

BATCH_POINTS = 1 << 18
"""Points of the outlines that are written at once, about."""
_DEVIATION = 460.0
"""Edges get points every so many metres times the root of the pixel's metres, so that none is a twentieth of a pixel
beside its curve as far as 85 degrees: the arc of a parallel of latitude rises length² tan(latitude) / (8 earth radii)."""
_COLORS = {"ice": (235, 245, 255), "water": (0, 100, 255), "cloud": (200, 200, 200), "land": (150, 130, 90)}


def check_options(
    target: Path, options: VectorOptions, probability: Path | None, landscape: str | Path | None = None
) -> None:
    """Refuse what can be seen to be impossible before any file is opened.

    Raises:
        OptionError: The target names no format, or options do not go together.
    """
    kind = find_format(target)
    choose_layer_name(target, options.layer)
    if options.sigrid3 and kind.driver != "ESRI Shapefile":
        raise OptionError(f"{target}: a SIGRID-3 chart is a Shapefile; name the target .shp")
    if options.smooth and probability is None:
        raise OptionError("`smooth`: needs `probability`, the raster that `seaice predict` writes beside its mask")
    if landscape is not None and not options.split_floes:
        raise OptionError("`landscape`: is for `split_floes` only")
    if kind.geographic and options.t_srs and read_system(options.t_srs) != read_system(WGS84):
        raise OptionError(f"{target}: GeoJSON is always in WGS84 (RFC 7946); drop `t_srs` or write another format")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One mask on its way to polygons."""

    mask: Mask
    probability: Probability | None
    options: VectorOptions
    areas: PixelAreas
    tracing: Tracing
    description: Description
    schema: pa.Schema
    layer: Layer
    floes: FloeNumbers | None
    """None: floes are not taken apart."""
    projection: Projection | None
    """From the mask's coordinates to those that are written; None: they are the same."""

    @property
    def several(self) -> bool:
        """Whether features may have several parts, so that all are written as multipolygons."""
        return self.layer.geometry_type == "MultiPolygon"

    @property
    def whole(self) -> bool:
        """Whether all outlines are needed at once."""
        return self.options.fill_holes > 0

    def mark_floes(self, pixels: npt.NDArray[Any], top: int) -> npt.NDArray[Any]:
        """Return rows with the numbers of floes in place of their class."""
        if self.floes is None:
            return pixels
        if pixels.dtype.itemsize > 4 and pixels.size and pixels.max() >= FLOES:
            raise OptionError(
                f"{self.mask.path}: holds values beyond 2^40, which `split_floes` needs for floes; number them anew"
            )
        numbers = self.floes.read(top, top + pixels.shape[0])
        return np.where(numbers > 0, FLOES + numbers, pixels.astype(np.int64))

    def prepare(self, stream: Iterator[Parts]) -> Iterator[Outlines]:
        """Yield outlines in order, with small holes filled, a batch at a time."""
        for parts in stream:
            held = [arrange(parts)]
            del parts
            if self.whole:
                outlines = held.pop()
                yield from share_out(fill_holes(outlines, self._holes(outlines)), BATCH_POINTS)
            else:
                yield held.pop()

    def _holes(self, outlines: Outlines) -> npt.NDArray[np.float64]:
        tallies, pixel = outlines.tallies, self.areas.pixel or 1.0
        mean = np.full(len(outlines), pixel)
        if self.areas.scales is not None:
            mean = tallies[:, counts.AREA] / tallies[:, counts.PIXELS] * pixel / 2.0**AREA_BITS
        return self.options.fill_holes / mean * self._scale**2

    @property
    def _scale(self) -> int:
        return self.description.scale

    def draw(self, outlines: Outlines) -> Outlines:
        """Return the outlines as they are written."""
        if self.tracing.borders is None:
            return outlines
        return simplify(outlines, self.tracing.borders, self.options.simplify, _pixel_sides(self.areas))

    def write(self, drawn: Outlines) -> pa.Array:
        """Return the geometries as well-known binary, in the reference system that is written."""
        transform = self.mask.transform
        if self.projection is None:
            return build_binary(*encode(drawn, transform, scale=self._scale, several=self.several))
        polygons = build_polygons(drawn, scale=self._scale, turned=transform.determinant > 0)
        placed = self.projection(place(polygons, transform))
        return pa.array(shapely.to_wkb(promote(placed) if self.several else placed), pa.binary())


def plan(
    mask: Mask,
    target: Path,
    options: VectorOptions,
    probability: Probability | None,
    landscape: Landscape | None = None,
) -> Plan:
    """Check options against the mask, and settle all that follows from the two.

    Raises:
        OptionError: An option does not fit the mask.
    """
    wkt = mask.crs.to_wkt() if mask.crs else None
    if wkt is None:
        unit = "pixels" if mask.transform.is_identity else "the units of its transform"
        LOGGER.warning("%s: its mask has no coordinate reference system; polygons are in %s", target.name, unit)
    areas = PixelAreas(None, mask.transform, None, None, 1)
    if _needs_areas(target, options):
        areas = survey(mask.transform, wkt, mask.height, mask.width)
    if areas.pixel is None and (options.min_area or options.fill_holes):
        raise OptionError(
            f"{mask.path}: does not say how large a pixel is; use `min_pixels`, and neither `min_area` nor `fill_holes`"
        )
    values = choose_values(mask, options.classes)
    kind = find_format(target)
    target_wkt, projection = _choose_system(mask, wkt, kind, options, areas)
    description = Description(
        selection="chart" if options.sigrid3 else options.attributes, areas=areas, width=mask.width, names=mask.names,
        scene=mask.tags.get("SCENE") or mask.path.name, exact=not (options.smooth or options.simplify),
        scale=contours.SCALE if options.smooth else 1, split=options.split_floes,
    )  # fmt: skip
    if options.sigrid3:
        for value in values or ():
            chart_codes(mask.names.get(value, str(value)))
    ice = _find_ice(mask, values) if options.split_floes else 0
    return Plan(
        mask=mask, probability=probability, options=options, areas=areas, description=description,
        floes=FloeNumbers(mask, ice, landscape, window=options.floe_window) if options.split_floes else None,
        tracing=replace(_plan_tracing(mask, options, areas, values), ice=ice, split=options.split_floes),
        schema=describe_schema(description),
        layer=_describe_layer(mask, target, options, values, target_wkt, landscape), projection=projection,
    )  # fmt: skip


def _needs_areas(target: Path, options: VectorOptions) -> bool:
    """Tell whether anything asks how large pixels are on the ground: finding it out costs a quick run a tenth of its time."""
    shapes = options.min_area or options.fill_holes or options.simplify or options.sigrid3 or options.split_floes
    return bool(options.attributes != "none" or shapes or options.t_srs or find_format(target).geographic)


def _find_ice(mask: Mask, values: frozenset[int] | None) -> int:
    """Return the class whose floes are taken apart."""
    named = [value for value, name in mask.names.items() if name.lower() in ("ice", "sea ice", "sea_ice")]
    for candidates in ([] if mask.ice is None else [mask.ice], named, list(values or ())):
        chosen = [value for value in candidates if values is None or value in values]
        if len(chosen) == 1:
            return chosen[0]
    raise OptionError(f"{mask.path}: does not say which class is ice; name it alone with `classes` for `split_floes`")


def _choose_system(
    mask: Mask, wkt: str | None, kind: Format, options: VectorOptions, areas: PixelAreas
) -> tuple[str | None, Projection | None]:
    """Return the reference system that is written, and what brings polygons into it."""
    if wkt is None:
        if kind.geographic or options.t_srs:
            raise OptionError(
                f"{mask.path}: has no coordinate reference system, so its polygons have none on earth; "
                "write .gpkg without `t_srs`, or georeference the mask"
            )
        return None, None
    if not (kind.geographic or options.t_srs):
        return wkt, None
    wanted = read_system(options.t_srs or WGS84)
    if wanted == read_system(wkt) and not kind.geographic:
        return wkt, None
    refuse_unreachable(str(mask.path), wkt, wanted)
    metres = math.sqrt(areas.pixel or 1.0)
    side = math.sqrt(abs(mask.transform.determinant))
    longest = side / metres * max(metres, _DEVIATION * math.sqrt(metres))
    return wanted, Projection(wkt, wanted, longest=longest)


def _abstract(mask: Mask) -> str:
    """Return what the layer was made of, when that was seen, and in which units its fields are."""
    tags, made_by = mask.tags, f"seaice {seaice_cli.__version__}"
    model = f" with the model {tags['MODEL']}" if tags.get("MODEL") else ""
    acquired = f", acquired {tags['ACQUIRED']}" if tags.get("ACQUIRED") else ""
    origin = f" from {tags['SCENE']}{acquired}" if tags.get("SCENE") else ""
    return f"Polygons of a sea-ice mask, made by {made_by}{model}{origin}. Areas and lengths are metres on the ground."


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "classes"


def _is_geographic(wkt: str, mask: Mask) -> bool:
    """Tell it, where the mask's own system is written, without loading PROJ a second time."""
    own = mask.crs is not None and mask.crs.to_wkt() == wkt
    return bool(mask.crs.is_geographic) if own and mask.crs is not None else is_geographic(wkt)


def _differs(wkt: str, mask: Mask) -> bool:
    return mask.crs is None or read_system(mask.crs.to_wkt()) != wkt


def _plan_tracing(mask: Mask, options: VectorOptions, areas: PixelAreas, values: frozenset[int] | None) -> Tracing:
    threshold = None
    if options.smooth:
        made_with = mask.tags.get("THRESHOLD", "")
        threshold = 100 * (options.threshold or (float(made_with) if _is_number(made_with) else 0.5))
    return Tracing(
        width=mask.width, height=mask.height, nodata=mask.nodata, values=values, eight=options.connectivity == 8,
        least=_least(options, areas), scales=areas.scales, step=areas.step, threshold=threshold,
        borders=make_borders(mask.height, mask.width) if options.simplify else None,
    )  # fmt: skip


def _is_number(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False


def _least(options: VectorOptions, areas: PixelAreas) -> tuple[int, int]:
    """Return how many pixels, and how many units of true area, a component must have."""
    if not options.min_area or areas.pixel is None:
        return options.min_pixels, 0
    if areas.scales is not None:
        return options.min_pixels, math.ceil(options.min_area / areas.pixel * 2.0**AREA_BITS * (1 - 1e-9))
    return max(options.min_pixels, math.ceil(options.min_area / areas.pixel * (1 - 1e-9))), 0


def _pixel_sides(areas: PixelAreas) -> tuple[float, float]:
    """Return width and height of a pixel in metres; in pixels where that is unknown."""
    transform: Affine = areas.transform
    wide, high = math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)
    metres = math.sqrt((areas.pixel or wide * high) / (wide * high))
    return wide * metres, high * metres


def _describe_layer(
    mask: Mask, target: Path, options: VectorOptions, values: frozenset[int] | None, wkt: str | None,
    landscape: Landscape | None,
) -> Layer:  # fmt: skip
    colors = mask.colors
    names = {value: mask.names.get(value, str(value)) for value in sorted(mask.names if values is None else values)}
    several = options.connectivity == 8 or (wkt is not None and _is_geographic(wkt, mask) and _differs(wkt, mask))
    settings = {
        "connectivity": options.connectivity, "min_area_m2": options.min_area, "min_pixels": options.min_pixels,
        "fill_holes_m2": options.fill_holes, "simplify_m": options.simplify, "smooth": options.smooth,
        "split_floes": options.split_floes,
        **({"landscape": Path(landscape.path).name, "floe_window": options.floe_window} if landscape else {}),
    }  # fmt: skip
    origin = {key: text for key, text in mask.tags.items() if key.isupper() and not key.startswith("AREA_OR")}
    return Layer(
        name=choose_layer_name(target, options.layer),
        wkt=wkt,
        geometry_type="MultiPolygon" if several else "Polygon",
        title=f"{_listed(list(names.values()))} of {mask.tags.get('SCENE') or target.stem}",
        abstract=_abstract(mask),
        metadata={
            **origin, "SOFTWARE": f"seaice {seaice_cli.__version__}",
            **({} if mask.path.name.startswith(".") else {"MASK": mask.path.name}),  # hidden: not yet under its name
            **{f"VECTOR_{key.upper()}": str(value) for key, value in settings.items()},
        },
        styles=tuple((value, name, colors.get(value, _COLORS.get(name, (180, 200, 220)))) for value, name in names.items()),
    )  # fmt: skip
