"""`vectorize` and `floe_sizes`: polygons of a mask, and what they say of floes."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack, overload

from affine import Affine

from seaice_cli.api.parameters import StrPath, VectorParameters, build_options
from seaice_cli.api.sources import Placement, Source, call_folder, locate
from seaice_cli.extras import require_extra
from seaice_cli.outputs import writing
from seaice_cli.products.floes import FloeReport, measure_floes
from seaice_cli.vectorization.options import Progress, VectorOptions, VectorSummary
from seaice_cli.vectorization.pipeline import vectorize as run

if TYPE_CHECKING:
    import geopandas

METADATA = "metadata"
"""Where a GeoDataFrame keeps in its `attrs` what the mask says of itself."""


@overload
def vectorize(
    mask: Source,
    target: None = None,
    *,
    probability: Source = None,
    landscape: Source = None,
    transform: Affine | None = None,
    crs: Any = None,
    nodata: float | None = None,
    progress: Progress | None = None,
    **options: Unpack[VectorParameters],
) -> geopandas.GeoDataFrame: ...


@overload
def vectorize(
    mask: Source,
    target: StrPath,
    *,
    probability: Source = None,
    landscape: Source = None,
    transform: Affine | None = None,
    crs: Any = None,
    nodata: float | None = None,
    progress: Progress | None = None,
    **options: Unpack[VectorParameters],
) -> VectorSummary: ...


def vectorize(
    mask: Source,
    target: StrPath | None = None,
    *,
    probability: Source = None,
    landscape: Source = None,
    transform: Affine | None = None,
    crs: Any = None,
    nodata: float | None = None,
    progress: Progress | None = None,
    **options: Unpack[VectorParameters],
) -> geopandas.GeoDataFrame | VectorSummary:
    """Turn a mask into polygons: `seaice vectorize` with a target, a GeoDataFrame without one.

    >>> _ = seaice.predict("scene.tif", "mask.tif", tile=256, overlap=64, overwrite=True)
    >>> seaice.vectorize("mask.tif", "ice.gpkg", classes=["ice"], overwrite=True).by_class.keys()
    dict_keys(['ice'])

    An array needs to say where it lies, for areas in square metres:

    >>> import numpy as np
    >>> from affine import Affine
    >>> square = np.zeros((8, 8), "uint8"); square[2:6, 2:6] = 1
    >>> found = seaice.vectorize(square, transform=Affine(250, 0, 0, 0, -250, 0), crs="EPSG:3413", classes=[1])
    >>> found.geometry.bounds.iloc[0].tolist()
    [500.0, -1500.0, 1500.0, -500.0]

    Args:
        mask: A path, an open rasterio dataset, an array (height, width) of whole numbers, or an `xarray.DataArray`.
        target: The vector file; its suffix names the format. None: the polygons stay in memory.
        probability: Per cent on the mask's grid, as any kind of raster, for attributes and smooth outlines.
        landscape: With `split_floes`, the scene: floes are parted where it is darker, too.
        transform: Of an array, from (column, row) to coordinates.
        crs: Of an array.
        nodata: Of an array, the value that never becomes a polygon.
        progress: Wraps the sequence of strips.
        **options: The fields of `seaice_cli.vectorization.options.VectorOptions`.

    Raises:
        SeaIceError: Whatever a user can cause; its text names the file, the parameter and the way out.
        TypeError: There is no parameter of a name, or the mask is of no kind that is read.
        InstallationError: There is no target, and geopandas is not installed.
    """
    chosen = build_options(VectorOptions, options, "vectorize")
    if target is None:
        require_extra("notebook", "polygons in memory", "geopandas")
    placement = Placement(transform=transform, crs=crs, nodata=nodata)
    with call_folder() as folder:
        path = Path(locate(mask, folder, placement, name="mask"))
        percent = None if probability is None else Path(_located_like(probability, folder, placement))
        relief = (
            None
            if landscape is None
            else locate(landscape, folder, _placed_like(landscape, placement), name="landscape")
        )
        written = Path(target) if target is not None else folder / "polygons.parquet"
        summary = run(path, written, options=chosen, probability=percent, landscape=relief, progress=progress)
        return summary if target is not None else _read(written)


def _located_like(probability: Source, folder: Path, placement: Placement) -> str:
    """Return the path of a probability; an array of it lies where the mask does, and has its own nodata."""
    return locate(probability, folder, _placed_like(probability, placement, nodata=255), name="probability")


def _placed_like(source: Source, placement: Placement, *, nodata: float | None = None) -> Placement:
    """Return where a raster lies beside its mask: an array on the mask's pixels, all else where it says itself."""
    import numpy as np

    if not isinstance(source, np.ndarray):
        return Placement()
    return Placement(transform=placement.transform, crs=placement.crs, nodata=nodata)


def _read(path: Path) -> geopandas.GeoDataFrame:
    import geopandas
    import pyarrow.parquet as pq

    table = geopandas.read_parquet(path)
    about = pq.read_schema(path).metadata or {}
    table.attrs[METADATA] = {k.decode(): v.decode() for k, v in about.items() if k.decode().isupper()}
    return table


def floe_sizes(
    polygons: StrPath | geopandas.GeoDataFrame, *, layer: str | None = None, ice: str | None = None, bins: int = 12
) -> FloeReport:
    """Measure how large floes are: `seaice floes`.

    >>> report = seaice.floe_sizes(seaice.predict("scene.tif", tile=256, overlap=64).polygons())
    >>> report.floes + report.left_out > 0
    True

    Args:
        polygons: A file that `vectorize` wrote, or the GeoDataFrame that it gave.
        layer: Of a file; None: the only one with polygons.
        ice: Name or value of the class of ice; None: "ice", else the only class there is.
        bins: Intervals of diameter, equally wide in the logarithm.

    Raises:
        SeaIceError: The file is missing, or lacks the measures.
    """
    if isinstance(polygons, (str, PathLike)):
        return measure_floes(Path(polygons), layer=layer, ice=ice, bins=bins)
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: polygons[name].to_numpy() for name in polygons.columns if name != polygons.geometry.name}
    with call_folder() as folder:
        path = folder / "polygons.parquet"
        with writing(path):
            pq.write_table(pa.table(columns).replace_schema_metadata(polygons.attrs.get(METADATA, {})), path)
        return measure_floes(path, ice=ice, bins=bins)
