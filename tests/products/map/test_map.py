"""Maps: what is drawn, looked up in the picture or in the figure's texts."""

import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from shapely.geometry import box

from seaice_cli.cli.main import cli
from seaice_cli.errors import OptionError, OutputError, SceneError
from seaice_cli.products.concentration.netcdf import write_netcdf
from seaice_cli.products.map.content import read_content
from seaice_cli.products.map.drawing import draw, round_length
from seaice_cli.products.map.options import MapOptions
from seaice_cli.products.map.pipeline import draw_map
from seaice_cli.products.pictures.colors import CONCENTRATION, paint_concentration
from tests.products.made import concentration, mask_at

HALVES = np.repeat([[0, 1]], 80, axis=0).repeat(60, axis=1).astype(np.uint8)


def picture(path):
    """Return a PNG as (3, height, width) of 0 to 255."""
    return np.moveaxis(matplotlib.image.imread(path)[..., :3] * 255, 2, 0)


def share(pixels, color):
    return (np.abs(np.moveaxis(pixels, 0, 2).astype(int) - color).max(axis=2) <= 2).mean()


def texts(figure):
    return {text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))}


def test_classes_have_their_colours_a_legend_and_a_title(tmp_path):
    mask = mask_at(tmp_path / "mask.tif", HALVES, hour=12)
    draw_map(mask, tmp_path / "map.png", options=MapOptions(dpi=60))
    pixels = picture(tmp_path / "map.png")
    assert share(pixels, (0, 63, 122)) == pytest.approx(share(pixels, (86, 180, 233)), rel=0.1)
    assert share(pixels, (0, 63, 122)) > 0.25
    figure = draw(read_content(mask, None, MapOptions(), longest=300), MapOptions())
    assert {"water", "ice", "N", "5 km"} <= texts(figure)
    assert "cloud" not in texts(figure)  # the mask has none
    assert any("2022-09-14 12:30 UTC" in text for text in texts(figure))


def test_the_scene_shows_through_and_outlines_leave_it_bare(tmp_path, write_scene):
    mask = mask_at(tmp_path / "mask.tif", HALVES)
    with rasterio.open(mask) as dataset:
        profile = {"transform": dataset.transform, "crs": dataset.crs}
    scene = write_scene(np.full((3, 80, 120), 100, np.uint8), **profile)
    for style, color in (("fill", (55, 83, 110)), ("outline", (100, 100, 100))):
        draw_map(mask, tmp_path / f"{style}.png", scene=scene, options=MapOptions(dpi=60, style=style))
        assert share(picture(tmp_path / f"{style}.png"), color) > 0.2


def test_a_scene_in_another_crs_is_brought_to_the_map(tmp_path, write_scene):
    mask = mask_at(tmp_path / "mask.tif", HALVES)
    from rasterio.warp import calculate_default_transform

    with rasterio.open(mask) as dataset:
        transform, width, height = calculate_default_transform(
            dataset.crs, "EPSG:4326", dataset.width, dataset.height, *dataset.bounds
        )
    scene = write_scene(np.full((1, height, width), 90, np.uint8), transform=transform, crs="EPSG:4326")
    content = read_content(mask, scene, MapOptions(), longest=200)
    assert (content.scene[..., 3] == 255).mean() > 0.95
    far = write_scene(np.full((1, 8, 8), 90, np.uint8), name="far.tif", transform=Affine(250, 0, 9e5, 0, -250, 9e5))
    with pytest.raises(OptionError, match="shows nothing"):
        read_content(mask, far, MapOptions(), longest=200)


def test_concentrations_have_the_colours_of_ice_charts(tmp_path):
    values = np.array([[0.0, 0.09, 0.1, 0.3], [0.4, 0.6, 0.7, 0.8], [0.9, 1.0, np.nan, 0.84]])
    painted = paint_concentration(values)
    names = {color: name for name, _, color in CONCENTRATION}
    found = [names.get(tuple(int(v) for v in color[:3]), "unknown")[:4] for color in painted.reshape(-1, 4)]
    assert found == ["ice ", "ice ", "1/10", "1/10", "4/10", "4/10", "7/10", "7/10", "9/10", "9/10", "unkn", "7/10"]
    write_netcdf(concentration(values), tmp_path / "sic.nc", attributes={}, overwrite=False)
    draw_map(tmp_path / "sic.nc", tmp_path / "map.png", options=MapOptions(dpi=60))
    pixels = picture(tmp_path / "map.png")
    assert share(pixels, (255, 0, 0)) == pytest.approx(share(pixels, (255, 255, 0)), rel=0.15)


def test_the_coast_is_drawn(tmp_path):
    import pyogrio

    mask = mask_at(tmp_path / "mask.tif", np.ones((80, 120), np.uint8))
    with rasterio.open(mask) as dataset:
        left, bottom, right, top = dataset.bounds
    square = box(left + 5000, bottom + 5000, right - 5000, top - 5000)
    pyogrio.raw.write(
        tmp_path / "land.gpkg", np.array([square.wkb], object), field_data=[], fields=[], geometry_type="Polygon", crs="EPSG:3413"
    )  # fmt: skip
    draw_map(mask, tmp_path / "a.png", options=MapOptions(dpi=60))
    draw_map(mask, tmp_path / "b.png", options=MapOptions(dpi=60, coast=tmp_path / "land.gpkg"))
    assert (picture(tmp_path / "a.png") != picture(tmp_path / "b.png")).any(axis=0).sum() > 300


def test_formats_and_a_mask_without_a_place(tmp_path):
    mask = mask_at(tmp_path / "mask.tif", HALVES)
    for suffix, head in ((".svg", b"<?xml"), (".pdf", b"%PDF")):
        target = tmp_path / f"map{suffix}"
        draw_map(mask, target, options=MapOptions(dpi=60))
        first = target.read_bytes()
        assert first.startswith(head)
        draw_map(mask, target, options=MapOptions(dpi=60), overwrite=True)
        assert target.read_bytes() == first
    bare = mask_at(tmp_path / "bare.tif", HALVES, crs=None)
    draw_map(bare, tmp_path / "bare.png", options=MapOptions(dpi=60))
    assert share(picture(tmp_path / "bare.png"), (0, 63, 122)) > 0.25


def test_lengths_of_scale_bars():
    assert [round_length(v) for v in (9.9, 10, 21, 4999, 123456)] == [5, 10, 20, 2000, 100000]


def test_faults_are_one_line_and_leave_nothing(tmp_path):
    mask = mask_at(tmp_path / "mask.tif", HALVES)
    with pytest.raises(OptionError, match=r"name it \.png"):
        draw_map(mask, tmp_path / "map.jpg")
    with pytest.raises(SceneError, match="no such file"):
        draw_map(tmp_path / "none.tif", tmp_path / "map.png")
    (tmp_path / "map.png").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        draw_map(mask, tmp_path / "map.png")
    for wrong in ({"style": "x"}, {"opacity": 0.0}, {"dpi": 10}, {"width": 1.0}):
        with pytest.raises(OptionError):
            MapOptions(**wrong)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.png", "mask.tif"]


def test_on_the_command_line(tmp_path):
    mask = mask_at(tmp_path / "mask.tif", HALVES)
    done = CliRunner().invoke(cli, ["map", str(mask), "-o", str(tmp_path / "map.png"), "--dpi", "60"])
    assert done.exit_code == 0, done.output
    failed = CliRunner().invoke(cli, ["map", str(mask), "-o", str(tmp_path / "map.png")])
    assert failed.exit_code == 1
    assert failed.output.count("\n") == 1


def test_a_large_mask_takes_no_memory_of_its_own(tmp_path):
    path = tmp_path / "large.tif"
    profile = {"driver": "GTiff", "height": 20_000, "width": 20_000, "count": 1, "dtype": "uint8", "tiled": True, "compress": "DEFLATE",
               "crs": "EPSG:3413", "transform": Affine(50, 0, 0, 0, -50, 0), "sparse_ok": True, "nodata": 255}  # fmt: skip
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(np.ones((1, 512, 512), np.uint8), window=rasterio.windows.Window(9000, 9000, 512, 512))
    code = (
        "import sys; from pathlib import Path; from seaice_cli.products.map.pipeline import draw_map; "
        "draw_map(Path(sys.argv[1]), Path(sys.argv[2])); "
        # Its own peak: what getrusage tells was begun by the process that started this one.
        "print(next(int(l.split()[1]) // 1024 for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, tmp_path / "map.png"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 600
