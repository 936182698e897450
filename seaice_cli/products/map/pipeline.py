"""Maps: from a mask or concentrations to a picture with all that a map needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seaice_cli.errors import OptionError
from seaice_cli.extras import require_extra
from seaice_cli.outputs import new_file, refuse_target
from seaice_cli.products.map.content import read_content
from seaice_cli.products.map.options import FORMATS, MapOptions
from seaice_cli.products.pictures.frames import Frame


def draw_map(
    source: Path,
    target: Path,
    *,
    scene: Path | None = None,
    options: MapOptions | None = None,
    overwrite: bool = False,
) -> None:
    """Draw a map of a mask or of concentrations.

    Rasters are read decimated, so that memory does not grow with their size.

    Args:
        source: A raster of classes, or concentrations from 0 to 1 as GeoTIFF or NetCDF; of several times the last is drawn.
        target: .png, .pdf or .svg.
        scene: Shown below; in any CRS.
        options: How it looks.
        overwrite: Replace a file that exists.

    Raises:
        SceneError: A raster cannot be read.
        DataError: Concentrations or the coast cannot be read.
        OptionError: The target is no picture, or the rasters do not fit each other.
        OutputError: The target exists or cannot be written.
        InstallationError: matplotlib is not installed.
    """
    options = options or MapOptions()
    if target.suffix.lower() not in FORMATS:
        raise OptionError(f"{target}: a map is a picture; name it {', '.join(FORMATS)}")
    refuse_target(target, overwrite=overwrite)
    require_extra("products", "drawing maps", "matplotlib")
    from matplotlib import rc_context

    from seaice_cli.products.map.drawing import draw

    content = read_content(source, scene, options, longest=round(options.width * options.dpi))
    coast = _read_coast(options.coast, content.frame) if options.coast else None
    settings = {"svg.hashsalt": "seaice", "path.simplify": True}
    with rc_context(settings), new_file(target, overwrite=overwrite) as partial:
        figure = draw(content, options, coast)
        figure.savefig(partial, dpi=options.dpi, metadata=_undated(target))


def _undated(target: Path) -> dict[str, Any]:
    """Return the metadata that makes the same bytes of the same map."""
    name = {".pdf": "CreationDate", ".svg": "Date"}.get(target.suffix.lower())
    return {name: None} if name else {}


def _read_coast(path: Path, frame: Frame) -> Any:
    from seaice_cli.raster.polygons.placing import move
    from seaice_cli.raster.polygons.reading import read_placed_areas

    if frame.crs is None:
        raise OptionError(f"`coast` {path}: the mask does not say where on earth it is, so no coast can be drawn on it")
    layers = read_placed_areas(path, "coast")
    return [polygon for found in layers for polygon in move(found, frame.crs, frame.bounds, "the map")]
