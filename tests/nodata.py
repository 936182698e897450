"""Every way a raster can say where it has no data, written by rasterio, as VRTs and as sidecars."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

SHAPE = (150, 170)
RANGES = {"uint8": (0, 255), "uint16": (0, 10000), "int16": (-2000, 2000), "float32": (0.0, 1.0)}
PLACE = {"transform": Affine(250, 0, -1e6, 0, -250, 5e5), "crs": "EPSG:3413"}
HOLES = {
    "corner": (slice(0, 20), slice(0, 30)),
    "across windows": (slice(50, 80), slice(48, 110)),
    "a whole window": (slice(0, 64), slice(0, 64)),
    "last row and column": (slice(149, 150), slice(169, 170)),
    "all": (slice(None), slice(None)),
}


def filling(dtype):
    return {"uint8": 0, "uint16": 65535, "int16": -32768, "float32": -9999.0}[dtype]


def pixels_of(dtype, hole, fill):
    low, high = RANGES[dtype]
    rng = np.random.default_rng(7)
    pixels = (low + (high - low) * (0.05 + 0.9 * rng.random((3, *SHAPE)))).astype(dtype)
    pixels[1][pixels[1] == fill] = low + 1
    pixels[:, *hole] = fill
    return pixels


def write(path, pixels, valid=None, *, alpha=None, mask=None, **profile):
    count = len(pixels) + (alpha is not None)
    with rasterio.open(
        path, "w", driver=profile.pop("driver", "GTiff"), dtype=pixels.dtype.name, count=count, height=SHAPE[0], width=SHAPE[1],
        **PLACE, **profile,
    ) as file:  # fmt: skip
        file.write(pixels, list(range(1, len(pixels) + 1)))
        if alpha is not None:
            file.colorinterp = [*file.colorinterp[:3], ColorInterp.alpha]
            file.write(alpha.astype(pixels.dtype), count)
        if mask is not None:
            file.write_mask(mask)


def by_tag(path, pixels, valid, fill):
    write(path, pixels, nodata=fill)


def by_alpha(path, pixels, valid, fill):
    write(path, pixels, alpha=np.where(valid, 255, 0))


def by_alpha_beside_a_tag(path, pixels, valid, fill):
    """The tag is true of no pixel; GDAL would look no further."""
    other = pixels.copy()
    other[:, ~valid] = RANGES[pixels.dtype.name][0] + 1
    write(path, other, alpha=np.where(valid, 1, 0), nodata=fill)


def by_inner_mask(path, pixels, valid, fill):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(path, pixels, mask=valid)


def by_msk_file(path, pixels, valid, fill):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        write(path, pixels, mask=valid)
    assert path.with_name(f"{path.name}.msk").exists()


def by_mask_and_tag(path, pixels, valid, fill):
    """Half of the hole is in the mask, the other half in the tag."""
    half = valid.copy()
    half[: SHAPE[0] // 2] = True
    other = pixels.copy()
    other[:, SHAPE[0] // 2 :][:, ~valid[SHAPE[0] // 2 :]] = RANGES[pixels.dtype.name][0] + 1
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(path, other, mask=half, nodata=fill)


def by_nan(path, pixels, valid, fill):
    if pixels.dtype.kind != "f":
        pytest.skip("whole numbers have no NaN")
    holed = pixels.copy()
    holed[:, ~valid] = np.nan
    write(path, holed)


def by_nan_tag(path, pixels, valid, fill):
    if pixels.dtype.kind != "f":
        pytest.skip("whole numbers have no NaN")
    holed = pixels.copy()
    holed[:, ~valid] = np.nan
    write(path, holed, nodata=np.nan)


def by_sidecar(path, pixels, valid, fill):
    """A PAM file beside a raster whose format has no nodata tag of its own."""
    write(path, pixels)
    bands = "".join(
        f'<PAMRasterBand band="{b}"><NoDataValue>{float(fill)!r}</NoDataValue></PAMRasterBand>' for b in (1, 2, 3)
    )
    path.with_name(f"{path.name}.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")


def by_values_of_all_bands(path, pixels, valid, fill):
    write(path, pixels)
    with rasterio.open(path, "r+") as file:
        file.update_tags(NODATA_VALUES=" ".join([str(fill)] * 3))


def _vrt(path, pixels, *, band="", dataset="", nodata_of_source=None):
    source = path.with_name("source.tif")
    write(source, pixels, nodata=nodata_of_source)
    kinds = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32"}
    bands = "".join(
        f'<VRTRasterBand dataType="{kinds[pixels.dtype.name]}" band="{b}">{band}<SimpleSource><SourceFilename relativeToVRT="1">'
        f"source.tif</SourceFilename><SourceBand>{b}</SourceBand></SimpleSource></VRTRasterBand>"
        for b in (1, 2, 3)
    )
    path.with_suffix(".vrt").write_text(
        f'<VRTDataset rasterXSize="{SHAPE[1]}" rasterYSize="{SHAPE[0]}"><SRS>EPSG:3413</SRS>'
        f"<GeoTransform>-1e6, 250, 0, 5e5, 0, -250</GeoTransform>{bands}{dataset}</VRTDataset>"
    )
    return path.with_suffix(".vrt")


def _mask_band(path, valid):
    mask = path.with_name("mask_of_source.tif")
    with rasterio.open(
        mask, "w", driver="GTiff", dtype="uint8", count=1, height=SHAPE[0], width=SHAPE[1], **PLACE
    ) as file:
        file.write(np.where(valid, 255, 0).astype("uint8"), 1)
    return (
        '<MaskBand><VRTRasterBand dataType="Byte"><SimpleSource><SourceFilename relativeToVRT="1">mask_of_source.tif'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></MaskBand>"
    )


def by_vrt_tag(path, pixels, valid, fill):
    return _vrt(path, pixels, band=f"<NoDataValue>{fill!r}</NoDataValue>")


def by_vrt_mask(path, pixels, valid, fill):
    return _vrt(path, pixels, dataset=_mask_band(path, valid))


def by_masks_of_vrt_bands(path, pixels, valid, fill):
    return _vrt(path, pixels, band=_mask_band(path, valid))


WAYS = (
    by_tag, by_alpha, by_alpha_beside_a_tag, by_inner_mask, by_msk_file, by_mask_and_tag, by_nan, by_nan_tag, by_sidecar,
    by_values_of_all_bands, by_vrt_tag, by_vrt_mask, by_masks_of_vrt_bands,
)  # fmt: skip
