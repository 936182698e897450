"""Pages: the tiles hold every pixel, the polygons come back, and a browser shows them without asking anybody."""

import base64
import json
import re
import shutil
import subprocess
import warnings
from urllib.parse import unquote

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from seaice_cli.cli.main import cli
from seaice_cli.errors import DataError, OptionError, OutputError, SceneError
from seaice_cli.products.pictures.frames import Frame
from seaice_cli.products.view.options import ViewOptions
from seaice_cli.products.view.pipeline import write_page
from seaice_cli.products.view.polygons import review_order
from seaice_cli.products.view.pyramid import NOTHING, TILE, Pyramid, as_jpeg, as_png
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.pipeline import vectorize
from tests.products.made import concentration, mask_at

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def island(size=200):
    pixels = np.zeros((size, size), np.uint8)
    pixels[60:140, 60:140] = 1
    return pixels


@pytest.fixture
def made(tmp_path, write_scene):
    """A mask of one square floe, its scene and its polygons."""
    mask = mask_at(tmp_path / "mask.tif", island())
    with rasterio.open(mask) as dataset:
        profile = {"transform": dataset.transform, "crs": dataset.crs}
    scene = write_scene(np.stack([island() * 200 + 30] * 3).astype(np.uint8), **profile)
    vectorize(mask, tmp_path / "ice.gpkg", options=VectorOptions())
    return tmp_path, mask, scene, tmp_path / "ice.gpkg"


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)[1])


def decode(content):
    """Return the bands of an encoded picture."""
    with warnings.catch_warnings(), MemoryFile(content) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as file:
            return file.read()


@pytest.mark.parametrize("shape", [(100, 300), (512, 512), (513, 1500), (1300, 700)])
def test_every_pixel_is_in_a_tile_of_the_finest_level_and_coarser_ones_are_made_of_them(shape):
    values = np.random.default_rng(0).integers(0, 3, shape, dtype=np.uint8)
    frame = Frame(CRS.from_epsg(3413), (0.0, 0.0, float(shape[1]), float(shape[0])), *shape)
    reads = []

    def read(part):
        row, column = round(shape[0] - part.bounds[3]), round(part.bounds[0])
        reads.append((row, column))
        tile = np.full((TILE, TILE), NOTHING, np.uint8)
        piece = values[row : row + TILE, column : column + TILE]
        tile[: piece.shape[0], : piece.shape[1]] = piece
        return tile

    pyramid = Pyramid(frame)
    tiles = dict(pyramid.tiles(read))
    assert len(set(reads)) == len(reads) == -(-shape[0] // TILE) * -(-shape[1] // TILE)
    for level in range(pyramid.levels):
        step = 2 ** (pyramid.levels - 1 - level)
        expected = values[::step, ::step]
        for row in range(-(-expected.shape[0] // TILE)):
            for column in range(-(-expected.shape[1] // TILE)):
                piece = expected[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
                found = tiles[f"{level}_{row}_{column}"]
                np.testing.assert_array_equal(found[: piece.shape[0], : piece.shape[1]], piece)
    assert {name for name in tiles if name.startswith("0_")} == {"0_0_0"}


def test_colours_are_means_of_what_holds_data():
    frame = Frame(CRS.from_epsg(3413), (0.0, 0.0, 1024.0, 512.0), 512, 1024)
    tile = np.zeros((TILE, TILE, 4), np.uint8)
    tile[0, 0], tile[0, 1], tile[1, 0] = (100, 0, 0, 255), (200, 0, 0, 255), (255, 255, 255, 0)
    tiles = dict(Pyramid(frame).tiles(lambda part: tile if part.bounds[0] == 0 else None))
    assert set(tiles) == {"0_0_0", "1_0_0"}
    assert tuple(tiles["0_0_0"][0, 0]) == (150, 0, 0, 255)
    assert not tiles["0_0_0"][:, TILE // 2 :].any()


def test_tiles_are_pictures():
    tile = np.full((TILE, TILE), NOTHING, np.uint8)
    tile[:, :100] = 1
    found = decode(as_png(tile, {1: (10, 20, 30, 255)}))
    assert tuple(found[:, 0, 0]) == (10, 20, 30, 255)
    assert not found[3, :, 100:].any()
    scene = np.full((TILE, TILE, 4), (90, 120, 150, 255), np.uint8)
    np.testing.assert_allclose(decode(as_jpeg(scene))[:, 5, 5], (90, 120, 150), atol=3)


def test_the_page_holds_tiles_polygons_and_their_attributes(made):
    folder, mask, scene, ice = made
    report = write_page([mask, ice], folder / "page.html", scene=scene)
    assert report["folder"] is None
    data = data_of(folder / "page.html")
    assert [layer["id"] for layer in data["layers"]] == ["scene", "mask0", "polygons"]
    tile = decode(base64.b64decode(data["layers"][1]["embedded"]["0_0_0"]))
    water, floe = tuple(tile[:, 0, 0]), tuple(tile[:, 100, 100])
    assert (water, floe) == ((0, 63, 122, 255), (86, 180, 233, 255))
    polygons = data["layers"][2]
    fields = polygons["fields"]
    index = [row[fields.index("class_name")] for row in polygons["rows"]].index("ice")
    (ring,) = polygons["shapes"][index][0]
    xy = np.cumsum(np.array(ring).reshape(-1, 2), axis=0) * polygons["unit"]
    np.testing.assert_allclose([xy.min(axis=0), xy.max(axis=0)], [(60 * 250,) * 2, (140 * 250,) * 2], atol=1)
    assert data["classes"] == ["ice", "water"]
    assert data["epsg"] == 3413
    assert not [p for p in folder.iterdir() if p.name.startswith(".") or p.is_dir()]


def test_many_tiles_lie_beside_the_page(made):
    folder, mask, scene, _ = made
    page = folder / "page.html"
    write_page([mask], page, scene=scene, options=ViewOptions(embed=100))
    assert (folder / "page_tiles" / "scene" / "0_0_0.jpg").is_file()
    assert "embedded" not in data_of(page)["layers"][0]
    write_page([mask], page, scene=scene, overwrite=True)
    assert not (folder / "page_tiles").exists()


def test_doubt_and_concentration_are_layers(made, write_scene):
    from seaice_cli.products.concentration.netcdf import write_netcdf

    folder, mask, _, _ = made
    write_netcdf(concentration([[0.0, 0.5], [0.95, np.nan]]), folder / "sic.nc", attributes={}, overwrite=False)
    write_page([folder / "sic.nc"], folder / "sic.html")
    layer = data_of(folder / "sic.html")["layers"][0]
    tile = decode(base64.b64decode(layer["embedded"]["0_0_0"]))
    assert [tuple(tile[:3, r, c]) for r in (0, 1) for c in (0, 1)] == [
        (0, 100, 255), (255, 255, 0), (255, 0, 0), (235, 235, 235),
    ]  # fmt: skip
    percent = np.full((1, 200, 200), 50, np.uint8)
    with rasterio.open(mask) as dataset:
        path = write_scene(percent, name="p.tif", transform=dataset.transform, crs=dataset.crs, nodata=255)
    write_page([mask], folder / "p.html", probability=path)
    probability, doubt = data_of(folder / "p.html")["layers"][1:]
    assert decode(base64.b64decode(doubt["embedded"]["0_0_0"]))[3, 0, 0] == 255
    assert not probability["visible"]


def test_the_most_doubtful_come_first():
    rows = [[0.9], [0.55], [None], [0.2]]
    assert review_order({"fields": ["prob_mean"], "rows": rows}) == [1, 3, 0, 2]
    assert review_order({"fields": ["prob_mean"], "rows": [[90.0], [55.0]]}) == [1, 0]
    assert review_order({"fields": ["doubt"], "rows": [[0.1], [0.7]]}) == [1, 0]


def test_faults_are_one_line_and_leave_nothing(made):
    folder, mask, scene, ice = made
    before = sorted(p.name for p in folder.iterdir())
    (folder / "bad.gpkg").write_bytes(b"no database")
    for sources, target, error, text in (
        ([mask], "page.txt", OptionError, r"name it \.html"), ([ice], "page.html", OptionError, "name a mask"),
        ([mask, ice, ice], "page.html", OptionError, "one file of polygons"),
        ([folder / "x.tif"], "page.html", SceneError, "no such file"),
        ([mask, folder / "bad.gpkg"], "page.html", DataError, "bad.gpkg"), ([mask], "no/page.html", OutputError, "there is no folder"),
    ):  # fmt: skip
        with pytest.raises(error, match=text):
            write_page(sources, folder / target)
    bare = mask_at(folder / "bare.tif", island(), crs=None)
    with pytest.raises(OptionError, match="where on earth"):
        write_page([bare], folder / "page.html", scene=scene)
    (folder / "bad.gpkg").unlink()
    bare.unlink()
    assert sorted(p.name for p in folder.iterdir()) == before


def test_on_the_command_line(made):
    folder, mask, scene, ice = made
    call = ["view", str(mask), str(ice), "--scene", str(scene), "-o", str(folder / "page.html")]
    done = CliRunner().invoke(cli, call)
    assert done.exit_code == 0, done.output
    assert "3 layers, 2 polygons" in done.output
    assert CliRunner().invoke(cli, call).exit_code == 1


def browse(folder, page, fragment, *options):
    """Return what a headless browser makes of a page: its document, and what it logged."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--window-size=1000,800",
        "--virtual-time-budget=3000", "--enable-logging=stderr", *options, f"file://{page}#{fragment}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout.split("</script>")[0] + done.stdout.split("<body", 1)[1], said


def middle_of(page):
    left, bottom, right, top = data_of(page)["bounds"]
    return f"{(left + right) / 2},{(bottom + top) / 2}"


def test_a_browser_shows_the_page_swipes_and_tells_of_a_floe(made):
    folder, mask, scene, ice = made
    page = folder / "page.html"
    write_page([mask, ice], page, scene=scene)
    document, said = browse(folder, page, f"swipe=0.3&at={middle_of(page)}", "--dump-dom")
    assert not said  # no error, and nothing that the policy of the page had to refuse
    assert 'data-ready="yes"' in document
    assert re.search(r'id="swipe"[^>]*left: 30%', document)
    assert "<td>class_name</td><td>ice</td>" in document
    assert re.search(r"\d+\.\d{4}° N, \d+\.\d{4}° [EW]", document)


def test_what_is_said_of_polygons_comes_back_as_labels(made):
    folder, mask, scene, ice = made
    page = folder / "page.html"
    write_page([mask, ice], page, scene=scene)
    classes = data_of(page)["classes"]
    first = data_of(page)["layers"][2]["fields"].index("class_name")
    order = [row[first] for row in data_of(page)["layers"][2]["rows"]]
    key = 1 + classes.index("water")  # the second polygon, whatever it is, becomes water
    document, said = browse(folder, page, f"keys=nr{key}s", "--dump-dom")
    assert not said
    href = re.search(r'href="data:application/geo\+json;charset=utf-8,([^"]*)"', document)[1]
    found = json.loads(unquote(href))
    assert [f["properties"]["class"] for f in found["features"]] == [order[0], "water"]
    assert [f["properties"]["note"] for f in found["features"]] == ["right", "class"]
    target = folder / "page_corrections.geojson"
    target.write_text(unquote(href), encoding="utf-8")
    done = CliRunner().invoke(
        cli, ["data", "rasterize", str(target), "--like", str(scene), "-o", str(folder / "labels.tif"), "--attribute", "class",
              "--classes", "water,ice", "--background", "255"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    with rasterio.open(folder / "labels.tif") as dataset:
        labels = dataset.read(1)
    floe = island() == 1
    names = ["water", "ice"]
    said_of = {order[0]: order[0], order[1]: "water"}
    assert (labels[floe] == names.index(said_of["ice"])).mean() > 0.97
    assert (labels[~floe] == names.index(said_of["water"])).mean() > 0.97


def test_a_picture_of_the_page_has_the_mask_on_one_side_and_the_scene_on_the_other(made):
    import matplotlib.image

    folder, mask, scene, _ = made
    page, shot = folder / "page.html", folder / "shot.png"
    write_page([mask], page, scene=scene)
    browse_to = f"--screenshot={shot}"
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--window-size=1000,800",
         "--virtual-time-budget=3000", browse_to, f"file://{page}#swipe=0.5"], capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    pixels = matplotlib.image.imread(shot)[..., :3] * 255
    middle = pixels.shape[0] // 2 - 60
    left, right = pixels[middle, pixels.shape[1] // 2 - 60], pixels[middle, pixels.shape[1] // 2 + 60]
    np.testing.assert_allclose(right, (230, 230, 230), atol=6)  # the scene's floe
    np.testing.assert_allclose(left, (158, 205, 232), atol=8)  # half of the mask's colour over it


def test_nothing_in_the_page_asks_for_anything_beyond_itself(made):
    folder, mask, scene, _ = made
    write_page([mask], folder / "page.html", scene=scene)
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", text)
    document, said = browse(folder, folder / "page.html", "", "--dump-dom", "--host-resolver-rules=MAP * ~NOTFOUND")
    assert 'data-ready="yes"' in document
    assert not said


def test_a_mask_without_a_place_is_counted_in_pixels(tmp_path):
    mask = mask_at(tmp_path / "mask.tif", island(), crs=None)
    write_page([mask], tmp_path / "page.html")
    data = data_of(tmp_path / "page.html")
    assert data["proj4"] is None
    assert data["bounds"] == [0, -200, 200, 0]
    document, said = browse(tmp_path, tmp_path / "page.html", "", "--dump-dom")
    assert 'data-ready="yes"' in document
    assert not said


def test_geoparquet_is_refused_in_one_line(made):
    folder, mask, _, _ = made
    (folder / "ice.parquet").write_bytes(b"PAR1")
    with pytest.raises(OptionError, match=r"ice\.parquet: a page shows no GeoParquet; write the polygons as \.gpkg"):
        write_page([mask, folder / "ice.parquet"], folder / "no.html")
    assert not (folder / "no.html").exists()
