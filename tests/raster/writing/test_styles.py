"""The style that QGIS opens a mask with."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from seaice_cli.errors import OutputError
from seaice_cli.raster.writing import cog
from seaice_cli.raster.writing.cog import Layer, assemble_cog, copy_cog
from tests.raster.writing.test_cog import CLASSES, PLACE, levels_of
from tests.rasters import raster


def entries(path):
    root = ET.fromstring(path.read_text().partition("\n")[2])
    assert root.find("pipe/rasterrenderer").get("type") == "paletted"
    return [(int(e.get("value")), e.get("label"), e.get("color")) for e in root.iter("paletteEntry")]


def test_a_mask_has_a_style_of_its_classes_only(tmp_path):
    layer = Layer(height=3, width=5, with_land=True, **PLACE, **CLASSES)
    assemble_cog(levels_of(np.ones((3, 5), np.uint8), tmp_path), tmp_path / "mask.tif", layer)
    assert entries(tmp_path / "mask.qml") == [(0, "water", "#00005a"), (1, "ice", "#fafafa"), (254, "land", "#8b7d6b")]


@pytest.mark.parametrize("kind", [{}, {**CLASSES, "styled": False}], ids=["probability", "stem shared"])
def test_what_has_no_classes_has_no_style(tmp_path, kind):
    layer = Layer(height=3, width=5, **PLACE, **kind)
    assemble_cog(levels_of(np.ones((3, 5), np.uint8), tmp_path), tmp_path / "mask.tif", layer)
    assert not (tmp_path / "mask.qml").exists()


def test_a_copy_that_holds_something_else_is_no_mask(tmp_path, monkeypatch):
    pixels = np.tile(np.uint8([0, 1]), (600, 400))
    raster(tmp_path / "raw.tif", pixels)
    layer = Layer(height=600, width=800, **PLACE, **CLASSES)
    copy_cog(tmp_path / "raw.tif", tmp_path / "whole.tif", layer)
    assert [e[1] for e in entries(tmp_path / "whole.qml")] == ["water", "ice"]

    def lose_the_end(vrt, target, driver, options, **environment):
        real(vrt, target, driver, options, **environment)
        with cog.rasterio.open(target, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
            file.write(np.zeros((8, 800), np.uint8), 1, window=cog.Window(0, 592, 800, 8))

    real = cog._copy
    monkeypatch.setattr(cog, "_copy", lose_the_end)
    with pytest.raises(OutputError, match=r"mask\.tif: cannot be written"):
        copy_cog(tmp_path / "raw.tif", tmp_path / "mask.tif", layer)
    assert not (tmp_path / "mask.tif").exists()
