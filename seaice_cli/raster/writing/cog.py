"""What a mask looks like as a file, and how it is published: assembled beside its target, then renamed.

Parts are put together by a VRT that GDAL copies into a cloud-optimised GeoTIFF: tiled, compressed, BigTIFF when needed, with overviews
by the most frequent class (averages would invent classes), a colour table, class names and where the mask comes from.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.shutil import copy as copy_raster

from seaice_cli.outputs import write_error
from seaice_cli.raster.gdal import FAILURES
from seaice_cli.raster.reading.region import LAND, NODATA, UNSURE
from seaice_cli.raster.writing.verification import verify_cog

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

    @property
    def categories(self) -> list[str]:
        """Names of all values up to the last one named."""
        if not self.names:
            return []
        further = {UNSURE: "unsure"} if self.with_unsure else {}
        further |= {LAND: "land"} if self.with_land else {}
        named = dict(enumerate(self.names)) | further
        return [named.get(value, "") for value in range(max(named) + 1)]


def assemble_cog(parts: Sequence[tuple[Path, int]], target: Path, layer: Layer) -> None:
    """Assemble part files, given with their first rows, into a cloud-optimised GeoTIFF.

    Classes are compressed by LZW, which takes half the processor time of DEFLATE for about the same size (0.94 to 1.13 times on
    four masks); probabilities by DEFLATE.

    Raises:
        OutputError: The target cannot be written.
    """
    options = {
        "COMPRESS": "LZW" if layer.names else "DEFLATE",
        "BLOCKSIZE": "512",
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": "ALL_CPUS",
        "OVERVIEW_RESAMPLING": "MODE" if layer.names else "AVERAGE",
    }
    _assemble(partial(_vrt, parts, layer), target, "COG", options)


def assemble_png(parts: Sequence[tuple[Path, int]], target: Path, layer: Layer, *, ice: int) -> None:
    """Assemble part files into a plain PNG: 255 where there is ice, 0 elsewhere, no georeferencing.

    Raises:
        OutputError: The target cannot be written.
    """
    plain = Layer(height=layer.height, width=layer.width, crs=None, transform=Affine.identity())
    lut = ",".join(f"{value}:{255 if value == ice else 0}" for value in range(256))
    _assemble(partial(_vrt, parts, plain, lut=lut), target, "PNG", {"ZLEVEL": "4"}, GDAL_PAM_ENABLED="NO")


def _assemble(
    vrt: Callable[[], str], target: Path, driver: str, options: Mapping[str, str], **environment: str
) -> None:
    try:
        with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=COPY_CACHE_BYTES, **environment):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(vrt()) as source:
                copy_raster(source, target, driver=driver, **options)
            if driver == "COG":
                verify_cog(target, continuous=options["OVERVIEW_RESAMPLING"] == "AVERAGE")
    except FAILURES as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise write_error(target, error) from error


def _vrt(parts: Sequence[tuple[Path, int]], layer: Layer, *, lut: str = "") -> str:
    georeferencing = ""
    if layer.crs is not None:
        georeferencing += f"<SRS>{escape(layer.crs.to_wkt())}</SRS>"
    if not layer.transform.is_identity:
        georeferencing += f"<GeoTransform>{', '.join(repr(float(v)) for v in layer.transform.to_gdal())}</GeoTransform>"
    tags = _entries(layer.tags)
    rpcs = _entries(layer.rpcs.to_gdal()) if layer.rpcs is not None else ""
    rpcs = f'<Metadata domain="RPC">{rpcs}</Metadata>' if rpcs else ""
    band = "" if lut else f"<NoDataValue>{NODATA}</NoDataValue>"
    if layer.categories:
        band += (
            f"<CategoryNames>{''.join(f'<Category>{escape(c)}</Category>' for c in layer.categories)}</CategoryNames>"
        )
    if layer.colors:
        band += f"<ColorInterp>Palette</ColorInterp><ColorTable>{_color_entries(layer)}</ColorTable>"
    else:
        band += "<ColorInterp>Gray</ColorInterp>"
    sources = "".join(_source(path, row, layer.width, lut) for path, row in parts)
    return (
        f'<VRTDataset rasterXSize="{layer.width}" rasterYSize="{layer.height}">{georeferencing}<Metadata>{tags}</Metadata>{rpcs}'
        f'<VRTRasterBand dataType="Byte" band="1">{band}{sources}</VRTRasterBand></VRTDataset>'
    )


def _entries(texts: Mapping[str, str]) -> str:
    return "".join(f"<MDI key={quoteattr(k)}>{escape(v)}</MDI>" for k, v in texts.items())


def _color_entries(layer: Layer) -> str:
    colors = {i: (*c, 255) for i, c in enumerate(layer.colors)}
    colors |= {LAND: (*LAND_COLOR, 255), UNSURE: (*UNSURE_COLOR, 255)}
    return "".join(
        '<Entry c1="{}" c2="{}" c3="{}" c4="{}"/>'.format(*colors.get(value, (0, 0, 0, 0))) for value in range(256)
    )


def _source(path: Path, row: int, width: int, lut: str) -> str:
    with rasterio.open(path) as part:
        height = part.height
    kind = "ComplexSource" if lut else "SimpleSource"
    table = f"<LUT>{lut}</LUT>" if lut else ""
    return (
        f'<{kind}><SourceFilename relativeToVRT="0">{escape(str(path.resolve()))}</SourceFilename><SourceBand>1</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
        f'<DstRect xOff="0" yOff="{row}" xSize="{width}" ySize="{height}"/>{table}</{kind}>'
    )
