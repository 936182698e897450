"""Concentrations as files; the suffix names the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from seaice_cli.errors import OptionError
from seaice_cli.locking import alone
from seaice_cli.outputs import refuse_target, refuse_unwritable_folder
from seaice_cli.products.concentration.cells import Concentration
from seaice_cli.raster.reading.acquisition import Span, acquired
from seaice_cli.vectorization.masks import Mask

NETCDF, GEOTIFF = (".nc", ".nc4"), (".tif", ".tiff")


def refuse_early(target: Path, *, append: bool, overwrite: bool) -> None:
    """Refuse a target that could not be written, before anything is computed.

    Raises:
        OptionError: Its suffix names no format, or one that holds no series.
        OutputError: It exists, or nothing can be made beside it.
    """
    suffix = target.suffix.lower()
    if suffix not in (*NETCDF, *GEOTIFF):
        raise OptionError(f"{target}: is neither NetCDF nor GeoTIFF; name it .nc or .tif")
    if append and suffix not in NETCDF:
        raise OptionError(f"`append` {target}: a GeoTIFF holds one time; name the series .nc")
    refuse_target(target, overwrite=overwrite or append)
    refuse_unwritable_folder(target)


def require_time(masks: Sequence[Path], target: Path, span: Span | None) -> Span | None:
    """Return when masks were acquired, as was said or as their tags say; NetCDF must know it.

    Raises:
        SceneError: A mask cannot be opened.
        OptionError: It is not known, and the target needs it.
    """
    if span is not None or target.suffix.lower() in GEOTIFF:
        return span
    times = []
    for path in masks:
        with Mask(path, band=1) as mask:
            found = acquired(mask.tags)
        if not found:
            raise OptionError(f"{path}: does not say when its scene was acquired; say it with `time`")
        times += found
    return min(t[0] for t in times), max(t[1] for t in times)


def write_concentration(
    made: Concentration, target: Path, *, append: bool = False, overwrite: bool = False,
    attributes: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write concentrations as the target's suffix says, complete or not at all.

    Args:
        made: Of one time.
        target: .nc or .tif.
        append: Add them to a series that exists.
        overwrite: Replace a file that exists.
        attributes: Global ones of NetCDF, of who makes it.

    Raises:
        OptionError: They do not fit the target.
        OutputError: The target exists, cannot be written, or is being written by another run.
        InstallationError: What writes NetCDF is missing.
    """
    from seaice_cli.products.concentration.geotiff import write_geotiff
    from seaice_cli.products.concentration.netcdf import append_netcdf, write_netcdf

    with alone(target.parent / f".{target.name}.writing", target):
        if target.suffix.lower() in GEOTIFF:
            write_geotiff(made, target, overwrite=overwrite)
        elif append and target.exists() and not overwrite:
            append_netcdf(made, target)
        else:
            write_netcdf(made, target, attributes=attributes, overwrite=overwrite)
