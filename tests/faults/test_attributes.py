"""Attributes that GDAL cannot tell of a damaged file: one line and exit code 1 from every command that reads rasters."""

from __future__ import annotations

import json
import random
import struct

import numpy as np
import pytest
import rasterio
import shapely

from tests.faults.attributes import hold
from tests.faults.conftest import speckle, write_scene
from tests.rasters import layer

SIDE = 96


@pytest.fixture
def files(tmp_path):
    """A scene, a label, a mask, a probability and polygons on the same pixels."""
    pixels = speckle(SIDE, SIDE)
    write_scene(tmp_path / "scene.tif", pixels)
    write_scene(tmp_path / "label.tif", (pixels[:1] > 90).astype(np.uint8))
    write_scene(tmp_path / "mask.tif", (pixels[1:2] > 90).astype(np.uint8), nodata=255)
    write_scene(tmp_path / "probability.tif", pixels[:1] // 3, nodata=255)
    layer(tmp_path / "ice.gpkg", [(shapely.box(-1e6, 49e4, -99e4, 5e5), 1)])
    (tmp_path / "list.csv").write_text(f"image,label\n{tmp_path}/scene.tif,{tmp_path}/label.tif\n")
    return tmp_path


COMMANDS = {
    "predict": "predict {0}/scene.tif -o {0}/out.tif --model {1} --overwrite",
    "vectorize": "vectorize {0}/mask.tif {0}/out.gpkg --probability {0}/probability.tif --overwrite",
    "eval": "eval {0}/mask.tif {0}/label.tif --probability {0}/probability.tif --resamples 0 --html {0}/out.html --overwrite",
    "eval --data": "eval --data {0}/list.csv --model {1} --resamples 0",
    "check": "data check {0}/list.csv --classes 2",
    "stats": "data stats {0}/list.csv",
    "balance": "data balance {0}/list.csv -o {0}/balanced.csv --overwrite",
    "tile": "data tile {0}/list.csv -o {0}/tiles --size 64 --overwrite",
    "resize": "data resize {0}/list.csv -o {0}/resized --size 64 --overwrite",
    "recolor": "data recolor {0}/label.tif -o {0}/recolored.tif --values 0:0,1:1 --overwrite",
    "rasterize": "data rasterize {0}/ice.gpkg --like {0}/scene.tif -o {0}/burnt.tif --overwrite",
    "zip": "data zip {0}/label.tif -o {0}/out.zip --values 0:0,1:100 --overwrite",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_attribute_that_cannot_be_told_is_one_line(files, two_class_model, monkeypatch, command):
    arguments = COMMANDS[command].format(files, two_class_model).split()
    hold(monkeypatch, files, arguments, findings=command == "check")


GEO_TAGS = {
    33550: 24,
    33922: 48,
    34735: 64,
    34737: 40,
    42112: 64,
    42113: 4,
    339: 2,
    320: 64,
    262: 2,
    284: 2,
}
"""Fields of a GeoTIFF that GDAL reads for attributes, not for pixels."""


def fields_changed(content, tag, rng):
    """Yield a GeoTIFF with the type, count, place or content of one field changed."""
    at = entry(content, tag)
    place = struct.unpack_from("<I", content, at + 8)[0]
    for offset, form, values in ((2, "<H", (0, 5)), (4, "<I", (0, 1, 2**31)), (8, "<I", (0, 2**32 - 1))):
        for value in values:
            data = bytearray(content)
            struct.pack_into(form, data, at + offset, value)
            yield bytes(data)
    for _ in range(2):
        data = bytearray(content)
        for _ in range(rng.choice((1, 4, 16))):
            data[min(place + rng.randrange(GEO_TAGS[tag]), len(data) - 1)] = rng.choice(
                (0, 0xFF, 0x80, rng.randrange(256))
            )
        yield bytes(data)


def unscaled(content):
    """Take the size of its pixels from a GeoTIFF: GDAL then looks into its GeoKeys late, when other attributes are asked for."""
    data = bytearray(content)
    struct.pack_into("<I", data, entry(content, 33550) + 8, 2**32 - 1)
    return bytes(data)


def entry(content, tag):
    """Return where the entry of a field lies in a small GeoTIFF."""
    start = struct.unpack_from("<I", content, 4)[0]
    entries = range(start + 2, start + 2 + 12 * struct.unpack_from("<H", content, start)[0], 12)
    return next(e for e in entries if struct.unpack_from("<H", content, e)[0] == tag)


def damaged(folder):
    """Yield GeoTIFFs and VRTs whose attributes are damaged while their pixels are not."""
    rng = random.Random(9)
    path = write_scene(folder / "plain.tif", (speckle(SIDE, SIDE)[:1] > 90).astype(np.uint8), nodata=255)
    with rasterio.open(path, "r+") as file:
        file.update_tags(ICE_CLASS="1", CLASS_0="water", CLASS_1="ice")
        file.write_colormap(1, {0: (1, 2, 3, 255), 1: (4, 5, 6, 255)})
        file.set_band_description(1, "class")
    content = path.read_bytes()
    for whole in (content, unscaled(content)):
        for tag in GEO_TAGS:
            yield from ((".tif", c) for c in fields_changed(whole, tag, rng))
    head = '<VRTDataset rasterXSize="96" rasterYSize="96">{}<VRTRasterBand dataType="Byte" band="1">{}<SimpleSource>'
    source = '<SourceFilename relativeToVRT="1">plain.tif</SourceFilename><SourceBand>1</SourceBand>'
    tail = f"{source}</SimpleSource></VRTRasterBand></VRTDataset>"
    for whole, band in (
        ("<SRS>nonsense</SRS>", ""), ("<SRS>LOCAL_CS[\"x\"]</SRS>", ""), ("<SRS>PROJCS[]</SRS>", ""), ("<SRS>EPSG:99999</SRS>", ""),
        ("<GeoTransform>1,2,x</GeoTransform>", ""), ("<GeoTransform>0,0,0,0,0,0</GeoTransform>", ""),
        ("<GeoTransform>nan,nan,nan,nan,nan,nan</GeoTransform>", ""), ("<GCPList><GCP/></GCPList>", ""),
        ("<GCPList Projection='x'><GCP Pixel='nan' Line='1' X='y' Y='1'/></GCPList>", ""), ("<Metadata><MDI/></Metadata>", ""),
        ("<Metadata><MDI key='ICE_CLASS'>99999999999999999999</MDI></Metadata>", ""), ("<MaskBand/>", ""),
        ("<Metadata domain='RPC'><MDI key='LINE_OFF'>x</MDI></Metadata>", ""), ("<OverviewList>x</OverviewList>", ""),
        ("", "<ColorInterp>Surprise</ColorInterp>"), ("", "<ColorInterp>Palette</ColorInterp>"), ("", "<NoDataValue>x</NoDataValue>"),
        ("", "<NoDataValue>1e400</NoDataValue>"), ("", "<ColorTable><Entry c1='x'/></ColorTable>"), ("", "<Scale>x</Scale>"),
        ("", "<Offset>nan</Offset>"), ("", "<UnitType>\x7f</UnitType>"), ("", "<Description>\xff</Description>"),
        ("", "<Overview><SourceFilename>gone.tif</SourceFilename></Overview>"), ("", "<MaskBand><VRTRasterBand/></MaskBand>"),
    ):  # fmt: skip
        yield ".vrt", (head.format(whole, band) + tail).encode("latin-1")


READERS = (
    "data check {0}/labels.csv --classes 2",
    "data check {0}/images.csv --classes 2",
    "data tile {0}/labels.csv -o {0}/tiles --size 64 --overwrite",
    "vectorize {1} {0}/out.gpkg --overwrite",
    "eval {1} {0}/label.tif --resamples 0 --html {0}/out.html --overwrite",
    "eval {0}/label.tif {1} --resamples 0",
)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_damaged_attributes_are_one_line_or_no_matter(forkserver, files, step):
    paths = []
    for number, (suffix, content) in enumerate(damaged(files)):
        paths.append(files / f"{number:03}{suffix}")
        paths[-1].write_bytes(content)
    outcome = forkserver.run("tests.faults.attributes:survey", folder=files, paths=paths[::step], readers=READERS)
    assert outcome.code == 0, outcome.err[-3000:]
    assert json.loads(outcome.out)["refused"] > len(paths) // step
