"""Pages: from rasters and polygons to one HTML file, with a folder of tiles beside it where they are many."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyproj

from seaice_cli.errors import OptionError
from seaice_cli.outputs import new_file, refuse_filled, refuse_target, writing
from seaice_cli.products.fields import Field, is_concentration, read_last_field
from seaice_cli.products.pictures.frames import Frame
from seaice_cli.products.pictures.graticule import has_graticule, lines_of
from seaice_cli.products.pictures.reading import open_source
from seaice_cli.products.view.layers import (
    RasterLayer,
    concentration_layer,
    mask_layer,
    native_frame,
    open_cells,
    probability_layers,
    scene_layer,
)
from seaice_cli.products.view.options import ViewOptions
from seaice_cli.products.view.polygons import class_names, read_polygons, review_order
from seaice_cli.products.view.pyramid import TILE, Pyramid
from seaice_cli.raster.reading.sources import VECTORS

MARKER = "tiles.json"


def write_page(
    sources: Sequence[Path],
    target: Path,
    *,
    scene: Path | None = None,
    probability: Path | None = None,
    options: ViewOptions | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a page that shows rasters and polygons, without a server or a network.

    Every pixel of a raster is read once, tile by tile; where tiles take more than `options.embed` bytes, they lie in the folder
    `<name>_tiles` beside the page, which must stay there.

    Args:
        sources: Masks, concentrations (NetCDF, GeoTIFF of fractions), and one file of polygons.
        target: .html.
        scene: Shown below; its grid is that of the page, else the first raster's.
        probability: Per cent of ice; two layers, probability and doubt.
        options: What it shows.
        overwrite: Replace a page that exists.

    Returns:
        How many tiles, polygons and bytes there are, and where the tiles lie.

    Raises:
        SceneError: A raster cannot be read.
        DataError: Polygons or concentrations cannot be read.
        OptionError: The files do not fit each other.
        OutputError: The target exists or cannot be written.
    """
    options = options or ViewOptions()
    if target.suffix.lower() not in (".html", ".htm"):
        raise OptionError(f"{target}: a page is HTML; name it .html")
    refuse_target(target, overwrite=overwrite)
    folder = target.with_name(f"{target.stem}_tiles")
    refuse_filled(folder, overwrite=True, marker=MARKER)
    vectors = [path for path in sources if path.suffix.lower() in VECTORS]
    rasters = [path for path in sources if path not in vectors]
    if len(vectors) > 1:
        raise OptionError(f"{vectors[1]}: a page shows one file of polygons; merge them first (ogrmerge)")
    with ExitStack() as stack:
        fields = {path: read_last_field(path) for path in rasters if is_concentration(path)}
        frame = _choose_frame(stack, [*filter(None, (scene,)), *rasters, *filter(None, (probability,))], fields)
        layers = _raster_layers(stack, rasters, fields, frame, scene, options)
        if probability:
            layers += probability_layers(stack, probability)
        polygons = read_polygons(vectors[0], frame, most=options.most_polygons) if vectors else None
        with new_file(target, overwrite=overwrite) as partial, _tiles(folder, options.embed) as written:
            for layer in layers:
                written.add(layer, Pyramid(frame))
            written.embed()
            described = [*written.layers, *([polygons] if polygons else [])]
            data = _describe(frame, described, polygons, options.title or sources[0].name, target)
            partial.write_text(_fill(data), encoding="utf-8")
    return {
        "target": str(target), "layers": [layer["name"] for layer in data["layers"]], "tiles": written.count,
        "tile_bytes": written.size, "folder": str(folder) if written.beside else None,
        "polygons": len(polygons["rows"]) if polygons else 0,
    }  # fmt: skip


def _choose_frame(stack: ExitStack, paths: Sequence[Path], fields: dict[Path, Field]) -> Frame:
    if not paths:
        raise OptionError("polygons alone do not say how fine a page must be; name a mask or a `scene` with them")
    first = paths[0]
    if first in fields:
        return native_frame(open_cells(stack, fields[first]))
    with open_source(first) as source:
        return native_frame(source)


def _raster_layers(
    stack: ExitStack, rasters: Iterable[Path], fields: dict[Path, Field], frame: Frame, scene: Path | None, options: ViewOptions
) -> list[RasterLayer]:  # fmt: skip
    layers = [scene_layer(stack, scene, frame)] if scene else []
    for number, path in enumerate(rasters):
        if path in fields:
            layers.append(concentration_layer(stack, path, fields[path], number=number))
        else:
            layers.append(mask_layer(stack, path, frame, number=number, own_colors=options.own_colors))
    return layers


class _Written:
    """Tiles, in the page as long as they fit, else in a folder.

    Args:
        partial: The folder, not yet under its name.
        embed: Bytes that fit into the page.
    """

    def __init__(self, partial: Path, embed: int) -> None:
        self.layers: list[dict[str, Any]] = []
        self.count = self.size = 0
        self.beside = False
        self.partial, self._embed = partial, embed

    def add(self, layer: RasterLayer, pyramid: Pyramid) -> None:
        """Write the tiles of a layer."""
        folder = self.partial / layer.id
        folder.mkdir()
        names = []
        for name, tile in pyramid.tiles(layer.read):
            content = layer.encode(tile)
            (folder / f"{name}.{layer.suffix}").write_bytes(content)
            names.append(name)
            self.count += 1
            self.size += len(content)
        self.layers.append({**layer.describe(), "tiles": names})

    def embed(self) -> None:
        """Take the tiles into the page where they fit."""
        self.beside = self.size > self._embed
        if self.beside:
            return
        for layer in self.layers:
            folder, names = self.partial / layer["id"], layer.pop("tiles")
            layer["embedded"] = {
                name: base64.b64encode((folder / f"{name}.{layer['suffix']}").read_bytes()).decode() for name in names
            }


@contextmanager
def _tiles(folder: Path, embed: int) -> Iterator[_Written]:
    """Give what writes tiles into a folder, which gets its name if they lie beside the page and all went well."""
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        with writing(folder):
            shutil.rmtree(partial, ignore_errors=True)  # what a killed run left
            partial.mkdir()
            (partial / MARKER).write_text("{}", encoding="utf-8")
            written = _Written(partial, embed)
            yield written
            if folder.exists():
                shutil.rmtree(folder)
            if written.beside:
                partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _describe(
    frame: Frame, layers: list[dict[str, Any]], polygons: dict[str, Any] | None, title: str, target: Path
) -> dict[str, Any]:
    """Return what the browser is told."""
    left, bottom, right, top = frame.bounds
    return {
        "title": title, "bounds": [left, bottom, right, top], "resolution": (right - left) / frame.width, "tile": TILE,
        "levels": Pyramid(frame).levels, "folder": f"{target.stem}_tiles", "layers": layers,
        "graticule": _graticule(frame), **_system(frame),
        "review": review_order(polygons) if polygons else [], "classes": class_names(polygons) if polygons else [],
        "corrections": f"{target.stem}_corrections.geojson",
    }  # fmt: skip


def _system(frame: Frame) -> dict[str, Any]:
    """Return the CRS as proj4js reads it, and its EPSG code; none where coordinates are columns and rows."""
    if not has_graticule(frame):
        return {"proj4": None, "epsg": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a PROJ string cannot say matters to no picture
        text = pyproj.CRS.from_wkt(frame.crs.to_wkt()).to_proj4()
    return {"proj4": text, "epsg": frame.crs.to_epsg()}


def _graticule(frame: Frame) -> list[dict[str, Any]]:
    if not has_graticule(frame):
        return []
    lines = []
    for line in lines_of(frame):
        known = np.isfinite(line.points).all(axis=1)
        cuts = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
        parts = [p for p in np.split(line.points, cuts) if len(p) > 1 and np.isfinite(p).all()]
        lines.append({"text": line.text, "parts": [np.round(p, 6).tolist() for p in parts]})
    return lines


def _fill(data: dict[str, Any]) -> str:
    """Return the page: its template with the libraries, the viewer and what it shows."""
    assets = files("seaice_cli.products.view") / "assets"

    def read(name: str) -> str:
        return (assets / name).read_text(encoding="utf-8")

    filled = {
        "title": html.escape(str(data["title"])), "style": read("ol.css") + read("viewer.css"), "proj4": read("proj4.js"),
        "openlayers": read("ol.js"), "viewer": read("viewer.js"),
        "data": json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    }  # fmt: skip
    pieces = re.split(r"\{\{ (\w+) \}\}", read("page.html"))
    return "".join(filled[piece] if index % 2 else piece for index, piece in enumerate(pieces))
