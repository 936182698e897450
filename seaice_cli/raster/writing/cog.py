"""What a mask looks like as a file: a cloud-optimised GeoTIFF, put together from blocks that are compressed already.

Tiled, compressed, BigTIFF when needed, with overviews by the most frequent class, a colour table, class names and where the mask
comes from. GDAL's COG driver would read the whole mask again, resample and compress it; here blocks are only copied.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from seaice_cli.outputs import write_error
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.region import LAND, NODATA, UNSURE
from seaice_cli.raster.writing.blocks import BLOCK, BlockFile
from seaice_cli.raster.writing.styles import write_raster_style
from seaice_cli.raster.writing.tiff import Directory, head, level_tags, read_tags

COPY_CACHE_BYTES = 48 << 20
LAND_COLOR = (139, 125, 107)
UNSURE_COLOR = (230, 159, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A single-band uint8 raster to be published; its nodata is always `NODATA`."""

    height: int
    width: int
    crs: Any
    """A rasterio CRS or None."""
    transform: Affine
    rpcs: Any = None
    """Rational polynomials of rasterio that place the raster, or None."""
    tags: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()
    """Class names by id; empty for a continuous layer."""
    colors: Sequence[tuple[int, int, int]] = ()
    """Class colours by id; empty for a continuous layer."""
    with_land: bool = False
    with_unsure: bool = False
    styled: bool = True
    """Whether the classes get a style for QGIS; not where another file of the same stem would be shown in it."""

    @property
    def entries(self) -> list[tuple[int, str, tuple[int, int, int]]]:
        """Value, name and colour of everything that the raster shows; empty for a continuous layer."""
        known = list(zip(range(len(self.names)), self.names, self.colors, strict=False))
        further = [(UNSURE, "unsure", UNSURE_COLOR)] if self.with_unsure else []
        further += [(LAND, "land", LAND_COLOR)] if self.with_land else []
        return [e for e in known if e[1]] + further if known else []

    @property
    def categories(self) -> list[str]:
        """Names of all values up to the last one named."""
        if not self.names:
            return []
        further = {UNSURE: "unsure"} if self.with_unsure else {}
        further |= {LAND: "land"} if self.with_land else {}
        named = dict(enumerate(self.names)) | further
        return [named.get(value, "") for value in range(max(named) + 1)]


@dataclass(frozen=True, slots=True)
class Level:
    """A raster, or an overview of it, in compressed blocks."""

    shape: tuple[int, int]
    """(height, width)"""
    files: Sequence[BlockFile]
    """Its blocks in reading order, one file after the other."""


def assemble_cog(levels: Sequence[Level], target: Path, layer: Layer) -> None:
    """Assemble blocks into a cloud-optimised GeoTIFF.

    Args:
        levels: The raster, then its overviews, the largest first.
        target: The file; GDAL's sidecar with the class names is written beside it.
        layer: What the raster is.

    Raises:
        OutputError: The target cannot be written.
    """
    try:
        tags = _gdal_tags(layer, target)
        directories = [
            Directory(
                level_tags(tags, level.shape, BLOCK, overview=number > 0), [s for f in level.files for s in f.sizes]
            )
            for number, level in enumerate(levels)
        ]
        with target.open("wb") as file:
            file.write(start := head(directories))
            for level in reversed(levels):
                for blocks in level.files:
                    with blocks.path.open("rb") as source:
                        shutil.copyfileobj(source, file, 1 << 20)
        if target.stat().st_size != len(start) + sum(f.length for level in levels for f in level.files):
            raise OSError("it is not as long as its blocks are together")
        _style(target, layer)
    except FAILURES as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise write_error(target, error) from error


def assemble_png(cog: Path, target: Path, layer: Layer, *, ice: int) -> None:
    """Write a mask as a plain PNG: 255 where there is ice, 0 elsewhere, no georeferencing.

    Raises:
        OutputError: The target cannot be written.
    """
    lut = ",".join(f"{value}:{255 if value == ice else 0}" for value in range(256))
    plain = Layer(height=layer.height, width=layer.width, crs=None, transform=Affine.identity())
    band = "<ColorInterp>Gray</ColorInterp>" + _source(cog, layer, f"<LUT>{lut}</LUT>")
    _copy_whole(_vrt(plain, band), target, "PNG", {"ZLEVEL": "4"}, GDAL_PAM_ENABLED="NO")


def copy_cog(raster: Path, target: Path, layer: Layer) -> None:
    """Write a raster of classes that lies in a file as a cloud-optimised GeoTIFF, by GDAL's own driver.

    Raises:
        OutputError: The target cannot be written.
    """
    options = {
        "COMPRESS": "LZW", "BLOCKSIZE": str(BLOCK), "BIGTIFF": "IF_SAFER", "NUM_THREADS": "ALL_CPUS", "OVERVIEW_RESAMPLING": "MODE",
    }  # fmt: skip
    _copy_whole(_vrt(layer, _band(layer) + _source(raster, layer)), target, "COG", options)
    try:
        _refuse_difference(raster, target)
        _style(target, layer)
    except FAILURES as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise write_error(target, error) from error


def _refuse_difference(raster: Path, copied: Path) -> None:
    """Read a copy again beside its original: GDAL may say nothing when the last of it did not fit on the disk.

    Raises:
        OSError: It holds something else.
        RasterioError: It cannot be read.
    """
    with rasterio.open(raster) as one, rasterio.open(copied) as other:
        for top in range(0, one.height, BLOCK):
            window = Window(col_off=0, row_off=top, width=one.width, height=min(BLOCK, one.height - top))
            if not np.array_equal(one.read(1, window=window), other.read(1, window=window)):
                raise OSError("its rows are not those that were written")


def _style(target: Path, layer: Layer) -> None:
    if layer.styled and layer.entries:
        write_raster_style(target, layer.entries)


def _copy_whole(vrt: str, target: Path, driver: str, options: Mapping[str, str], **environment: str) -> None:
    try:
        _copy(vrt, target, driver, options, **environment)
    except FAILURES as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise write_error(target, error) from error


def _source(path: Path, layer: Layer, table: str = "") -> str:
    """Return a whole raster as the source of a VRT band, its values looked up in a table if there is one."""
    size = f'xSize="{layer.width}" ySize="{layer.height}"'
    kind = "ComplexSource" if table else "SimpleSource"
    return (
        f'<{kind}><SourceFilename relativeToVRT="0">{escape(str(path.resolve()))}</SourceFilename><SourceBand>1</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="0" yOff="0" {size}/>{table}</{kind}>'
    )


def _gdal_tags(layer: Layer, target: Path) -> Any:
    """Have GDAL write a raster of one pixel that is otherwise this layer; return its tags. The sidecar it makes stays."""
    pixel = replace(layer, height=1, width=1)
    _copy(_vrt(pixel, _band(pixel)), target, "GTiff", {"COMPRESS": "DEFLATE"})
    return read_tags(target.read_bytes())


def _copy(vrt: str, target: Path, driver: str, options: Mapping[str, str], **environment: str) -> None:
    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=COPY_CACHE_BYTES, **environment):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(vrt) as source:
            copy_raster(source, target, driver=driver, **options)


def _band(layer: Layer) -> str:
    band = f"<NoDataValue>{NODATA}</NoDataValue>"
    if layer.categories:
        band += (
            f"<CategoryNames>{''.join(f'<Category>{escape(c)}</Category>' for c in layer.categories)}</CategoryNames>"
        )
    if layer.colors:
        return f"{band}<ColorInterp>Palette</ColorInterp><ColorTable>{_color_entries(layer)}</ColorTable>"
    return f"{band}<ColorInterp>Gray</ColorInterp>"


def _vrt(layer: Layer, band: str) -> str:
    georeferencing = ""
    if layer.crs is not None:
        georeferencing += f"<SRS>{escape(layer.crs.to_wkt())}</SRS>"
    if not layer.transform.is_identity:
        georeferencing += f"<GeoTransform>{', '.join(repr(float(v)) for v in layer.transform.to_gdal())}</GeoTransform>"
    rpcs = _entries(layer.rpcs.to_gdal()) if layer.rpcs is not None else ""
    rpcs = f'<Metadata domain="RPC">{rpcs}</Metadata>' if rpcs else ""
    return (
        f'<VRTDataset rasterXSize="{layer.width}" rasterYSize="{layer.height}">{georeferencing}'
        f"<Metadata>{_entries(layer.tags)}</Metadata>{rpcs}"
        f'<VRTRasterBand dataType="Byte" band="1">{band}</VRTRasterBand></VRTDataset>'
    )


def _entries(texts: Mapping[str, str]) -> str:
    return "".join(f"<MDI key={quoteattr(k)}>{escape(v)}</MDI>" for k, v in texts.items())


def _color_entries(layer: Layer) -> str:
    colors = {i: (*c, 255) for i, c in enumerate(layer.colors)}
    colors |= {LAND: (*LAND_COLOR, 255), UNSURE: (*UNSURE_COLOR, 255)}
    return "".join(
        '<Entry c1="{}" c2="{}" c3="{}" c4="{}"/>'.format(*colors.get(value, (0, 0, 0, 0))) for value in range(256)
    )
