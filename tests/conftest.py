"""Fixtures that many tests share."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import settings
from rasterio.transform import from_origin

from tests.models import pixel_model

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data"
"""Real imagery that is not part of the project; tests that use it are skipped where it is missing."""
POLAR = from_origin(-1_000_000, 1_000_000, 250, 250)

# Machines that run tests are shared: how long an example takes says nothing.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("repeatable")  # --hypothesis-profile chooses another


@pytest.fixture(autouse=True)
def _seeds():
    """Start every test with the same random numbers, whatever ran before."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the generator that libraries share
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


def pytest_report_header():
    return f"GDAL {rasterio.__gdal_version__}, rasterio {rasterio.__version__}, real data: {'yes' if REAL.is_dir() else 'no'}"


@pytest.fixture(scope="session")
def real_data():
    if not REAL.is_dir():
        pytest.skip("the real imagery (../shared/data) is not here")
    return REAL


@pytest.fixture
def write_scene(tmp_path):
    """Return a function that writes pixels, (bands, height, width), as a GeoTIFF and gives its path."""

    def write(pixels, name="scene.tif", **profile):
        path = tmp_path / name
        bands, height, width = pixels.shape
        settings = {"driver": "GTiff", "crs": "EPSG:3413", "transform": POLAR, "dtype": pixels.dtype, "count": bands,
                    "height": height, "width": width} | profile  # fmt: skip
        with rasterio.open(path, "w", **settings) as dataset:
            dataset.write(pixels)
        return path

    return write


@pytest.fixture(scope="session")
def two_class_model(tmp_path_factory):
    """A model directory: ice where the mean of three uint8 bands is above the middle."""
    return pixel_model(tmp_path_factory.mktemp("models") / "two")


@pytest.fixture(scope="session")
def three_class_model(tmp_path_factory):
    """A model directory: water, ice, cloud by thirds of the range of three uint8 bands."""
    return pixel_model(tmp_path_factory.mktemp("models") / "three", classes=3)


@pytest.fixture
def noise():
    """Return a function that makes uint8 noise, (bands, height, width), the same for the same shape."""

    def make(height, width, bands=3, dtype="uint8", low=0, high=256):
        values = np.random.default_rng(height * 7919 + width).integers(low, high, (bands, height, width))
        return values.astype(dtype)

    return make
