"""Scenes placed in unusual ways, values stored in unusual ways, folders with more than scenes: kept, or refused before the work."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from rasterio.crs import CRS
from rasterio.rpc import RPC

from seaice_cli.cli.main import cli
from seaice_cli.data.rasters import open_raster as open_label
from seaice_cli.data.samples import read_samples
from seaice_cli.errors import DataError, OptionError, SceneError, SeaIceError
from seaice_cli.evaluation.masks import Legend, MaskReader
from seaice_cli.prediction.options import PredictOptions, refuse_vector
from seaice_cli.prediction.scenes.pairing import pair
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.raster.writing.cog import Layer, copy_cog
from seaice_cli.training.loop import _told
from seaice_cli.vectorization.masks import Mask
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.pipeline import vectorize

PLACE = {"transform": Affine(250, 0, -1e6, 0, -250, 5e5), "crs": "EPSG:3413"}
LOCAL = CRS.from_wkt('LOCAL_CS["Local (m)",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]')
MOON = CRS.from_wkt(
    'PROJCS["Moon",GEOGCS["Moon",DATUM["D_Moon",SPHEROID["Moon",1737400,0]],PRIMEM["Reference_Meridian",0],UNIT["degree",0.0174532925199433]],'
    'PROJECTION["Polar_Stereographic"],PARAMETER["latitude_of_origin",90],UNIT["metre",1]]'
)  # fmt: skip
ONE = [1.0] + [0.0] * 19
RPCS = RPC(
    height_off=10, height_scale=100, lat_off=79.0, lat_scale=0.2, line_den_coeff=ONE, line_num_coeff=[0, 0, -1] + [0] * 17,
    line_off=15, line_scale=15, long_off=20.0, long_scale=0.5, samp_den_coeff=ONE, samp_num_coeff=[0, 1] + [0] * 18, samp_off=20,
    samp_scale=20, err_bias=None, err_rand=None,
)  # fmt: skip


def raster(path, pixels=None, **profile):
    pixels = np.ones((1, 30, 40), np.uint8) if pixels is None else pixels
    profile = {"driver": "GTiff", "dtype": pixels.dtype.name} | profile
    with rasterio.open(path, "w", count=len(pixels), height=pixels.shape[1], width=pixels.shape[2], **profile) as file:
        file.write(pixels)
    return path


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("corner", [(0, 0), (7, 11)])
def test_rational_polynomials_go_along_and_count_from_the_corner(tmp_path, corner):
    raster(tmp_path / "s.tif", rpcs=RPCS)
    raster(tmp_path / "part.tif", np.ones((1, 30 - corner[0], 40 - corner[1]), np.uint8))
    with Scene(str(tmp_path / "s.tif")) as scene:
        scene.subset(rasterio.windows.Window(corner[1], corner[0], 40 - corner[1], 30 - corner[0]))
        layer = Layer(
            height=scene.height,
            width=scene.width,
            crs=None,
            transform=Affine.identity(),
            rpcs=scene.rpcs,
            names=("w", "i"),
        )
    copy_cog(tmp_path / "part.tif", tmp_path / "mask.tif", layer)
    with rasterio.open(tmp_path / "mask.tif") as mask:
        assert (mask.rpcs.line_off, mask.rpcs.samp_off) == (15 - corner[0], 20 - corner[1])
        assert mask.rpcs.lat_off == RPCS.lat_off
        assert mask.rpcs.samp_num_coeff == RPCS.samp_num_coeff


@pytest.mark.parametrize("crs", [LOCAL, MOON], ids=["local", "moon"])
@pytest.mark.parametrize(("name", "t_srs"), [("m.geojson", None), ("m.gpkg", "EPSG:4326"), ("m.fgb", "EPSG:3413")])
def test_systems_to_which_no_way_leads_are_refused_before_the_work(tmp_path, crs, name, t_srs):
    mask = raster(tmp_path / "m.tif", transform=PLACE["transform"], crs=crs)
    with pytest.raises(OptionError, match=r"m\.tif: no way leads from its reference system"):
        vectorize(mask, tmp_path / name, options=VectorOptions(t_srs=t_srs))
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"]
    vectorize(mask, tmp_path / "own.gpkg")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("crs", [LOCAL, None], ids=["local", "none"])
def test_a_prediction_knows_beforehand_that_its_polygons_have_no_longitudes(tmp_path, crs):
    raster(tmp_path / "s.tif", crs=crs)
    with Scene(str(tmp_path / "s.tif")) as scene:
        refuse_vector(tmp_path / "ice.gpkg", scene)
        with pytest.raises(OptionError, match=r"no way leads|no longitudes and latitudes"):
            refuse_vector(tmp_path / "ice.geojson", scene)


def read_reference(path):
    return MaskReader(path, legend=Legend())


READERS = {
    "scene": lambda p: Scene(str(p)), "label": lambda p: open_label(p).__enter__(), "reference": read_reference,
    "mask": Mask,
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_where_0_is_white_values_are_not_read_the_wrong_way_round(tmp_path, reader):
    path = raster(tmp_path / "white.tif", photometric="MINISWHITE", **PLACE)
    with pytest.raises(SeaIceError, match=r"white\.tif: is stored with 0 for white.*gdal_translate -scale 0 255 255 0"):
        READERS[reader](path)


@pytest.mark.parametrize("reader", READERS)
def test_files_of_several_rasters_name_them(tmp_path, reader):
    netcdf(tmp_path / "several.nc", {"a": (30, 40), "b": (30, 40)})
    with pytest.raises(SeaIceError, match=r"several\.nc: has no bands of its own; name one of its rasters: .*:a, .*:b"):
        READERS[reader](tmp_path / "several.nc")


def netcdf(path, variables):
    """Write two-dimensional variables of one size, classic format, byte by byte (no library here writes it)."""

    def name(text):
        raw = text.encode()
        return len(raw).to_bytes(4, "big") + raw + b"\0" * (-len(raw) % 4)

    (height, width), *_ = variables.values()
    head = b"CDF\x01" + (0).to_bytes(4, "big") + (10).to_bytes(4, "big") + (2).to_bytes(4, "big")
    head += name("y") + height.to_bytes(4, "big") + name("x") + width.to_bytes(4, "big") + bytes(8)
    size = -(-height * width // 4) * 4
    entries, length = [], len(head) + 8 + sum(len(name(v)) + 4 + 8 + 8 + 4 + 4 + 4 for v in variables)
    for k, variable in enumerate(variables):
        dims = (2).to_bytes(4, "big") + (0).to_bytes(4, "big") + (1).to_bytes(4, "big")
        entries.append(
            name(variable)
            + dims
            + bytes(8)
            + (1).to_bytes(4, "big")
            + size.to_bytes(4, "big")
            + (length + k * size).to_bytes(4, "big")
        )
    body = head + (11).to_bytes(4, "big") + len(variables).to_bytes(4, "big") + b"".join(entries)
    path.write_bytes(body + bytes([1]) * (size * len(variables)))


def test_what_lies_beside_scenes_is_no_scene(tmp_path):
    for k in (0, 1):
        raster(tmp_path / f"day{k}.tif", **PLACE)
        (tmp_path / f"day{k}.tif.aux.xml").write_text("<PAMDataset/>")
        (tmp_path / f"day{k}.xml").write_text("<metadata/>")
        (tmp_path / f"day{k}.tif.ovr").write_bytes(b"")
    (tmp_path / "inspire.xml").write_text("<gmd:MD_Metadata xmlns:gmd='x'/>")
    items = pair([str(tmp_path)], tmp_path / "masks", PredictOptions())
    assert [Path(i.scene).name for i in items] == ["day0.tif", "day1.tif"]


def test_a_description_of_a_raster_in_a_folder_is_a_scene(tmp_path):
    inner = raster(tmp_path / "inner.bin", **PLACE)
    (tmp_path / "scene.xml").write_text(
        '<VRTDataset rasterXSize="40" rasterYSize="30"><VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>'
        f"{inner}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    assert [Path(i.scene).name for i in pair([str(tmp_path)], tmp_path / "m", PredictOptions())] == ["scene.xml"]


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
@pytest.mark.parametrize("image", ["NFC", "NFD"])
@pytest.mark.parametrize("label", ["NFC", "NFD"])
def test_forms_of_letters_make_no_difference(tmp_path, image, label, listed):
    word = "Tromsø_åéö"
    for folder, form in (("image", image), ("gt", label)):
        (tmp_path / folder).mkdir()
        raster(tmp_path / folder / f"{unicodedata.normalize(form, word)}.tif", **PLACE)
    assert [bool(s.label) for s in read_samples(tmp_path)] == [True]
    name = unicodedata.normalize(listed, word)
    (tmp_path / "t.csv").write_text(f"image,label\nimage/{name}.tif,gt/{name}.tif\n", encoding="utf-8")
    (sample,) = read_samples(tmp_path / "t.csv")
    assert sample.image.is_file()
    assert sample.label.is_file()


@pytest.mark.parametrize(
    ("words", "workers", "kind"),
    [
        (
            "DataLoader worker (pid 7) is killed by signal: Bus error. Its workers are out of shared memory",
            2,
            SeaIceError,
        ),
        ("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)", 1, SeaIceError),
        ("DataLoader worker (pid(s) 5) exited unexpectedly", 2, SeaIceError),
        ("mat1 and mat2 shapes cannot be multiplied", 2, RuntimeError),
    ],
)
def test_workers_without_shared_memory_are_told(words, workers, kind):
    def batches():
        yield 1
        raise RuntimeError(words)

    with pytest.raises(kind, match="shm-size" if kind is SeaIceError else "mat1"):
        list(_told(batches(), workers))


def test_too_many_open_files_are_no_damage(tmp_path):
    path = raster(tmp_path / "s.tif", **PLACE)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        with pytest.raises((SceneError, DataError), match=r"too many files are open; .*ulimit -n"):
            Scene(str(path))
    finally:
        for file in held:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_reader_that_has_heard_enough_is_no_error(tmp_path):
    script = f"{sys.executable} -m seaice_cli models list --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, text=True, env={**os.environ})
    assert "disk" not in done.stderr
    assert "unforeseen" not in done.stderr


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_warnings_of_libraries_are_not_for_users(tmp_path):
    path = raster(tmp_path / "m.tif", crs=None)
    done = CliRunner().invoke(cli, ["vectorize", str(path), str(tmp_path / "m.gpkg")])
    assert done.exit_code == 0, done.output
    assert "NotGeoreferenced" not in done.stderr
