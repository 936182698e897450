"""Floe sizes: what a layer of ice polygons says about how the ice is broken up.

Two diameters are looked at: that of a disc of the same area, and the mean caliper diameter (perimeter of the convex hull
over pi). Floes that touch the edge of the data are cut off, so they are left out of all distributions, and said to be.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import OptionError, SceneError

Array = npt.NDArray[np.float64]

_NEEDED = ("class", "area_m2", "touches_edge")
_FIELDS = (*_NEEDED, "class_name", "mcd_m", "is_floe")
_SHORT = {"at_edge": "touches_edge"}
"""Names that a Shapefile has for longer ones."""
_WATER = frozenset({"water", "open water", "ocean", "sea"})
_LEAST = 10
"""Fewer floes than this have no distribution worth fitting."""
_CANDIDATES = 200
_FEW, _LARGE, _CUT = 50, 0.1, 0.1


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """A density that falls as size to the power of -exponent, for sizes from `smallest` on."""

    exponent: float
    """Maximum likelihood, 1 + n / sum(ln(x / smallest)) (Clauset, Shalizi and Newman 2009)."""
    error: float
    """Standard error of the exponent, (exponent - 1) / sqrt(n)."""
    smallest: float
    """The size from which on the law fits best: the one with the smallest Kolmogorov-Smirnov distance."""
    distance: float
    """That Kolmogorov-Smirnov distance."""
    floes: int
    """How many floes are that large."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The floes whose diameter lies in an interval."""

    low_m: float
    high_m: float
    floes: int
    number_density: float
    """Floes per square kilometre of the region and per kilometre of diameter."""
    area_density: float
    """Share of the region that these floes cover, per kilometre of diameter."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The distribution of one diameter."""

    median_m: float
    mean_m: float
    area_weighted_mean_m: float
    largest_m: float
    bins: tuple[Bin, ...]
    fit: PowerLaw | None
    """None for fewer than ten floes, or floes that are all equal."""


@dataclass(frozen=True, slots=True)
class FloeReport:
    """What a layer of polygons says about floes."""

    source: str
    floes: int
    """Floes in the distributions."""
    left_out: int
    """Floes that touch the edge of the data."""
    left_out_area_share: float
    """Share of the ice that they are."""
    ice_m2: float
    """All ice, floes at the edge and ice between floes included."""
    between_m2: float | None
    """Ice between floes, as brash and thin ice; None: the layer does not tell it from floes."""
    water_m2: float | None
    """None: the layer has no polygons of water."""
    region_m2: float
    """Ice and water; without water the ice alone."""
    open_water_fraction: float | None
    """Water over ice and water."""
    lead_fraction: float | None
    """Water that the ice encloses over ice and water: polygons of water that do not touch the edge of the data."""
    equal_area: Sizes | None
    caliper: Sizes | None
    """None where the layer has no `mcd_m`."""
    area_exponent: PowerLaw | None
    """Of floe areas in square metres, the quantity that the WMO names floe size distribution."""
    caveats: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return asdict(self)


def measure_floes(path: Path, *, layer: str | None = None, ice: str | None = None, bins: int = 12) -> FloeReport:
    """Measure the floes in a vector file that `vectorize` wrote.

    Args:
        path: Any format that `vectorize` writes.
        layer: Name of the layer; None: the only one with polygons.
        ice: Name or value of the class of ice; None: "ice", else the only class there is.
        bins: Intervals of diameter, equally wide in the logarithm.

    Raises:
        SceneError: The file is missing, or lacks the attributes.
        DataError: It is no vector file, or damaged.
        OptionError: There is no such layer or class.
    """
    columns, metadata = _read(path, layer)
    chosen, water = _choose(columns, path, ice)
    area, edge = columns["area_m2"], columns["touches_edge"].astype(bool)
    if not np.isfinite(area[chosen]).all():
        raise SceneError(f"{path}: its areas are unknown, since the mask was not georeferenced; georeference it first")
    ice_area = float(area[chosen].sum())
    between, chosen = _leave_out_brash(columns, chosen)
    inner = chosen & ~edge
    water_area = float(area[water].sum()) if water is not None else None
    region = ice_area + (water_area or 0.0)
    enclosed = float(area[water & ~edge].sum()) if water is not None else None
    diameters = 2 * np.sqrt(area[inner] / np.pi)
    caliper = columns["mcd_m"][inner] if "mcd_m" in columns else None
    report = FloeReport(
        source=path.name, floes=int(inner.sum()), left_out=int((chosen & edge).sum()),
        left_out_area_share=float(area[chosen & edge].sum() / ice_area) if ice_area else 0.0,
        ice_m2=ice_area, between_m2=between, water_m2=water_area, region_m2=region,
        open_water_fraction=water_area / region if water_area is not None and region else None,
        lead_fraction=enclosed / region if enclosed is not None and region else None,
        equal_area=_distribute(diameters, area[inner], region, bins),
        caliper=None if caliper is None else _distribute(caliper, area[inner], region, bins),
        area_exponent=fit_power_law(area[inner]), caveats=(),
    )  # fmt: skip
    return _with_caveats(
        report, split=metadata.get("VECTOR_SPLIT_FLOES") == "True", by_landscape="VECTOR_LANDSCAPE" in metadata
    )


def _leave_out_brash(
    columns: dict[str, npt.NDArray[Any]], ice: npt.NDArray[np.bool_]
) -> tuple[float | None, npt.NDArray[np.bool_]]:
    """Return the area of ice between floes, None where it is not told from them, and which polygons are floes."""
    if "is_floe" not in columns:
        return None, ice
    floe = columns["is_floe"].astype(bool)
    return float(columns["area_m2"][ice & ~floe].sum()), ice & floe


def fit_power_law(sizes: Array) -> PowerLaw | None:
    """Fit a power law to the tail of a sample; None for fewer than ten sizes, or equal ones."""
    sizes = np.sort(sizes[sizes > 0])
    if sizes.size < _LEAST or sizes[0] == sizes[-1]:
        return None
    starts = np.unique(sizes[: sizes.size - _LEAST + 1])
    starts = starts[np.unique(np.linspace(0, starts.size - 1, _CANDIDATES).astype(int))]
    fits = [fit for start in starts if (fit := _fit_tail(sizes, float(start)))]
    return min(fits, key=lambda fit: fit.distance) if fits else None


def _fit_tail(sizes: Array, smallest: float) -> PowerLaw | None:
    tail = sizes[np.searchsorted(sizes, smallest) :]
    total = float(np.log(tail / smallest).sum())
    if total <= 0:
        return None
    exponent = 1 + tail.size / total
    law = 1 - (tail / smallest) ** (1 - exponent)
    rank = np.arange(tail.size)
    distance = float(np.maximum((rank + 1) / tail.size - law, law - rank / tail.size).max())
    return PowerLaw(exponent, (exponent - 1) / math.sqrt(tail.size), smallest, distance, tail.size)


def _distribute(diameters: Array, areas: Array, region: float, count: int) -> Sizes | None:
    if not diameters.size:
        return None
    low, high = float(diameters.min()), float(diameters.max())
    edges = np.geomspace(low, max(high, low * 1.001), count + 1)
    edges[0], edges[-1] = low, max(high, edges[-1])
    numbers, _ = np.histogram(diameters, edges)
    covered, _ = np.histogram(diameters, edges, weights=areas)
    width = np.diff(edges) / 1000
    bins = tuple(
        Bin(float(edges[k]), float(edges[k + 1]), int(numbers[k]),
            float(numbers[k] / (region / 1e6) / width[k]), float(covered[k] / region / width[k]))
        for k in range(count)
    )  # fmt: skip
    return Sizes(
        float(np.median(diameters)), float(diameters.mean()), float(np.average(diameters, weights=areas)), high, bins,
        fit_power_law(diameters),
    )  # fmt: skip


def _with_caveats(report: FloeReport, *, split: bool, by_landscape: bool) -> FloeReport:
    caveats = []
    if report.floes < _FEW:
        caveats.append(f"only {report.floes} whole floes: exponents are uncertain beyond their errors")
    if report.left_out_area_share > _CUT:
        caveats.append(
            f"{report.left_out_area_share:.0%} of the ice touches the edge of the data and is left out; large floes are "
            "cut more often than small ones, so the tail is too steep"
        )
    if report.equal_area and report.equal_area.largest_m > _LARGE * math.sqrt(report.region_m2):
        caveats.append("the largest floe spans over a tenth of the region: sizes near it are under-sampled")
    if not split:
        caveats.append("floes that touch count as one, since the mask does not tell them apart; see `split_floes`")
    elif not by_landscape:
        caveats.append(
            "floes are told apart by the form of the mask alone; the scene as `landscape` shows more of them"
        )
    if report.water_m2 is None:
        caveats.append("no polygons of water: densities are per area of ice, and leads are unknown")
    return FloeReport(**{name: getattr(report, name) for name in report.__slots__} | {"caveats": tuple(caveats)})


def _choose(
    columns: dict[str, npt.NDArray[Any]], path: Path, ice: str | None
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_] | None]:
    """Return which polygons are ice, and which are water if any class is."""
    values = columns["class"].astype(np.int64).astype(str)
    names = columns["class_name"].astype(str) if "class_name" in columns else values
    known = sorted(set(names.tolist()) | set(values.tolist()))
    wanted = ice or ("ice" if "ice" in known or len(set(values.tolist())) != 1 else str(names[0]))
    if values.size and wanted not in known:
        raise OptionError(f"{path}: has no class {wanted!r}; choose with `ice` among {', '.join(known)}")
    water = np.isin(names, list(_WATER))
    return (names == wanted) | (values == wanted), water if water.any() else None


def _read(path: Path, layer: str | None) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    if not path.exists():
        raise SceneError(f"{path}: no such file; make it from a mask by `seaice vectorize` with `attributes` floe")
    columns, metadata = _read_parquet(path) if "parquet" in path.suffix else _read_layer(path, layer)
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise SceneError(f"{path}: lacks {', '.join(missing)}; make it by `seaice vectorize` with `attributes` floe")
    return columns, metadata


def _read_parquet(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    import pyarrow.parquet as pq

    from seaice_cli.raster.polygons.reading import reading

    with reading(path):
        names = [name for name in pq.read_schema(path).names if name in _FIELDS]
        table = pq.read_table(path, columns=names)
        metadata = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
        return {name: table[name].to_numpy() for name in names}, metadata


def _read_layer(path: Path, layer: str | None) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    import pyogrio

    from seaice_cli.raster.polygons.names import linked, shown_layer
    from seaice_cli.raster.polygons.reading import reading

    with reading(path), linked(path) as plain:
        layers = {
            shown_layer(path, str(n)): str(n) for n, geometry in pyogrio.list_layers(plain) if geometry is not None
        }
        chosen = layer or next(iter(layers), None)
        if chosen not in layers:
            raise OptionError(f"{path}: has no layer {chosen!r}; choose with `layer` among {', '.join(layers)}")
        about = pyogrio.read_info(plain, layer=layers[chosen])
        wanted = [name for name in about["fields"].tolist() if _SHORT.get(name, name) in _FIELDS]
        if not wanted:
            return {}, {}
        found, _, _, values = pyogrio.raw.read(plain, layer=layers[chosen], columns=wanted, read_geometry=False)
    columns = {_SHORT.get(name, name): column for name, column in zip(found["fields"].tolist(), values, strict=True)}
    return columns, dict(about["layer_metadata"] or {})
