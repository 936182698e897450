"""Kinds of trouble that users of other tools have reported (docs/faults.md), tried here."""

from __future__ import annotations

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.labels.reading import LabelReader, values_of
from seaice_cli.data.samples import Sample
from seaice_cli.vectorization.pipeline import vectorize

NORTH_UP = Affine(250, 0, -1e6, 0, -250, 5e5)
SOUTH_UP = Affine(250, 0, -1e6, 0, 250, 4.9e5)


def raster(path, pixels, transform=NORTH_UP, **profile):
    shape = dict(zip(("height", "width"), pixels.shape, strict=True))
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        dtype=pixels.dtype.name,
        crs="EPSG:3413",
        transform=transform,
        **shape,
        **profile,
    ) as file:
        file.write(pixels, 1)
    return path


def polygons(path):
    found, _, binary, columns = pyogrio.raw.read(path)
    return dict(zip(found["fields"].tolist(), columns, strict=True)), shapely.from_wkb(binary)


@pytest.mark.parametrize("value", [-1, -2, -3, -4, -128])
@pytest.mark.parametrize("nodata", [None, 9])
def test_negative_classes_become_polygons(tmp_path, value, nodata):
    pixels = np.full((30, 40), 9, np.int16)
    pixels[:, :20] = 1
    pixels[5:15, 5:15] = value
    vectorize(raster(tmp_path / "m.tif", pixels, nodata=nodata), tmp_path / "m.gpkg")
    fields, _ = polygons(tmp_path / "m.gpkg")
    expected = {value: 100, 1: 500} | ({} if nodata else {9: 600})
    assert dict(zip(fields["class"].tolist(), fields["n_pixels"].tolist(), strict=True)) == expected


@pytest.mark.parametrize("nodata", [-3.4e38, -3.4028234663852886e38, 1e20, -9999.0])
def test_extreme_nodata_of_floating_point_labels_is_nodata(tmp_path, nodata):
    pixels = np.array([[0, 1, nodata]], np.float32)
    label = raster(tmp_path / "l.tif", pixels, nodata=nodata)
    assert values_of(label) == {0.0, 1.0}
    assert LabelReader(LabelEncoding(classes=2)).read(Sample(label, label, "")).tolist() == [[0, 1, 255]]


def test_south_up_masks_give_polygons_in_their_place(tmp_path):
    pixels = np.zeros((40, 40), np.uint8)
    pixels[5:15, 5:15] = 1
    north, south = (
        raster(tmp_path / f"{name}.tif", rows, transform)
        for name, rows, transform in (("n", pixels, NORTH_UP), ("s", pixels[::-1], SOUTH_UP))
    )
    found = []
    for mask in (north, south):
        vectorize(mask, mask.with_suffix(".gpkg"))
        fields, shapes = polygons(mask.with_suffix(".gpkg"))
        assert shapely.is_valid(shapes).all()
        assert all(shapely.is_ccw(shapely.get_exterior_ring(part)) for part in shapely.get_parts(shapes))
        found.append(shapes[fields["class"] == 1][0])
    assert found[0].equals(found[1])
