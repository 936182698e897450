"""Labels drawn by people: an empty layer for a scene, and the places of a scene that are worth drawing next."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window
from shapely.geometry import Polygon, mapping

from seaice_cli.errors import OptionError
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.parts.rows import SURE
from seaice_cli.prediction.pipeline import Progress, predict
from seaice_cli.raster.reading.region import LAND, NODATA, UNSURE
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.vectorization.writing.labelling import write_empty, write_places

COLORS = ((24, 78, 148), (240, 248, 255), (160, 160, 160), (79, 179, 191), (177, 89, 40), (106, 61, 154))
"""Of classes, in order, in a layer to draw in."""
LEAST_DATA = 0.5
"""Share of a window that must hold data to be worth a look."""


@dataclass(frozen=True, slots=True)
class Place:
    """A window of a scene in which a model is in doubt."""

    window: Window
    doubt: float
    """Share of its data whose likeliest class has a probability below 0.8."""


def write_template(scene: Path, target: Path, classes: Sequence[str], *, overwrite: bool = False) -> None:
    """Write an empty layer to draw labels of a scene in, in its CRS.

    Raises:
        SceneError: The scene cannot be read.
        OptionError: The target is no GeoPackage.
        OutputError: It cannot be written.
    """
    _refuse_other_format(target)
    with Scene(str(scene)) as opened:
        crs = opened.crs.to_wkt() if opened.crs else ""
    styles = tuple((i, name, COLORS[i % len(COLORS)]) for i, name in enumerate(classes))
    write_empty(target, crs, styles, overwrite=overwrite)


def suggest(
    scene: Path,
    target: Path,
    *,
    options: PredictOptions,
    count: int = 10,
    side: int = 256,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Place]:
    """Write the windows of a scene in which a model doubts most, as polygons.

    Args:
        scene: The scene.
        target: A GeoPackage.
        options: The model, and how it reads the scene.
        count: At most so many windows.
        side: Pixels along the side of a window.
        overwrite: Replace a file that exists.
        progress: Told of every window that reaches the network.

    Raises:
        SeaIceError: As a prediction does, or the target cannot be written.
    """
    _refuse_other_format(target)
    with tempfile.TemporaryDirectory(prefix="seaice-") as folder:
        mask = Path(folder) / "mask.tif"
        predict(str(scene), mask, options=replace(options, abstain=SURE), progress=progress)
        places = _most_doubtful(mask, side)[:count]
        with rasterio.open(mask) as dataset:
            crs, transform = dataset.crs.to_wkt() if dataset.crs else "", dataset.transform
    rows = [(_polygon(p.window, transform), rank, p.doubt) for rank, p in enumerate(places, 1)]
    write_places(target, crs, rows, overwrite=overwrite)
    return places


def _most_doubtful(mask: Path, side: int) -> list[Place]:
    """Return the windows of a grid that hold enough data and some doubt, the most doubtful first."""
    found = []
    with rasterio.open(mask) as dataset:
        for top in range(0, dataset.height, side):
            rows = dataset.read(1, window=Window(0, top, dataset.width, min(side, dataset.height - top)))
            for left in range(0, dataset.width, side):
                share = _doubt(rows[:, left : left + side], side)
                if share:
                    found.append(Place(Window(left, top, min(side, dataset.width - left), rows.shape[0]), share))
    return sorted(found, key=lambda p: -p.doubt)


def _doubt(values: npt.NDArray[np.uint8], side: int) -> float:
    data = np.count_nonzero((values != NODATA) & (values != LAND))
    return np.count_nonzero(values == UNSURE) / data if data >= LEAST_DATA * min(side * side, values.size) else 0.0


def _polygon(window: Window, transform: Any) -> Any:
    left, top = window.col_off, window.row_off
    corners = [
        (left, top),
        (left + window.width, top),
        (left + window.width, top + window.height),
        (left, top + window.height),
    ]
    return mapping(Polygon([transform @ corner for corner in corners]))


def _refuse_other_format(target: Path) -> None:
    if target.suffix.lower() != ".gpkg":
        raise OptionError(f"{target}: is a GeoPackage; let its name end in .gpkg")
