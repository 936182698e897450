"""What was named is what is written and read, whatever stands in the name."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine

from seaice_cli.data.labels.encoding import LabelEncoding
from seaice_cli.data.labels.reading import LabelReader
from seaice_cli.data.samples import Sample
from seaice_cli.errors import DataError
from seaice_cli.evaluation.masks import Legend, MaskReader
from seaice_cli.evaluation.scan import open_reference
from seaice_cli.products.floes import measure_floes
from seaice_cli.raster.polygons.names import split_layer
from seaice_cli.raster.polygons.reading import read_areas, read_polygons
from seaice_cli.raster.reading.region import read_region
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.pipeline import vectorize

PLACE = {"transform": Affine(250, 0, -1e6, 0, -250, 5e5), "crs": "EPSG:3413"}
WORDS = (
    "ice!1", "a!b!c", "ice;1", "ice|x", "ice?x=1", "ice#1", "-ice", "--overwrite", "a.zip", "x.zip!y", "100%", "a'b", 'a"b', "a&b",
    "a b", "s3:ice", "zip:ice", "ice[1]", "a,b", "$HOME", "~ice", "<ice>", "ice\t1", "*", unicodedata.normalize("NFC", "Tromsø_é"),
    unicodedata.normalize("NFD", "Tromsø_é"), "лёд", "x" * 200,
)  # fmt: skip
SUFFIXES = (".gpkg", ".shp", ".fgb", ".geojson", ".parquet")


def classes():
    ids = np.zeros((60, 80), np.uint8)
    ids[5:25, 5:25] = 1
    return ids


def raster(path, pixels):
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=60, width=80, dtype="uint8", nodata=255, **PLACE
    ) as file:
        file.write(pixels, 1)
        file.update_tags(CLASS_0="water", CLASS_1="ice", ICE_CLASS="1")
    return path


def everything(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


CASES = [
    *((word, suffix, "file") for word in WORDS for suffix in (".gpkg", ".shp")),
    *((word, suffix, "file") for word in WORDS[:4] for suffix in SUFFIXES[2:]),
    *((word, suffix, "folder") for word in ("ice!1", "ice;1", "x.zip!y") for suffix in SUFFIXES),
]
SLOW = [
    (w, s, p) for w in WORDS for s in SUFFIXES for p in ("file", "folder") if len(w) < 150 and (w, s, p) not in CASES
]


@pytest.mark.parametrize(
    ("word", "suffix", "place"), [*CASES, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)]
)
def test_vector_files(tmp_path, monkeypatch, word, suffix, place):
    work, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    folder = work / (word if place == "folder" else "plain")
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    mask = raster(folder / "m.tif", classes())
    target = folder / f"{word if place == 'file' else 'ice'}{suffix}"
    before = set(everything(tmp_path))
    vectorize(mask, target, options=VectorOptions(classes=(1,), attributes="floe"))
    written = set(everything(tmp_path)) - before
    assert {name.rpartition("/")[2].removeprefix(target.stem).split(".")[0] for name in written} == {""}
    assert target.is_file()
    assert not everything(elsewhere)
    box = shapely.box(*(PLACE["transform"] @ (5, 25)), *(PLACE["transform"] @ (25, 5)))
    found = read_polygons(target)
    if suffix != ".geojson":
        assert found.geometries[0].equals(box)
    with Scene(str(mask)) as scene:
        assert len(read_region(target, scene, "land")) == 1
    label = LabelReader(LabelEncoding()).read(Sample(mask, target, ""))
    np.testing.assert_array_equal(label, classes())
    with MaskReader(mask, legend=Legend()) as grid, open_reference(target, _criteria(), grid.grid) as reference:
        np.testing.assert_array_equal(reference.read(0, 60), classes())
    if suffix in (".gpkg", ".parquet"):
        assert measure_floes(target).floes == 1
    assert set(everything(tmp_path)) - before == written


def _criteria():
    from seaice_cli.evaluation.criteria import Criteria

    return Criteria(classes=("water", "ice"), ice=1, legend=Legend())


@pytest.mark.parametrize("word", WORDS)
def test_rasters(tmp_path, word):
    (tmp_path / word).mkdir()
    path = raster(tmp_path / word / f"{word}.tif", classes())
    with Scene(str(path)) as scene:
        np.testing.assert_array_equal(scene.read(0, 60).pixels[0], classes())
    with MaskReader(path, legend=Legend()) as reader:
        np.testing.assert_array_equal(reader.read(0, 60), classes())
    np.testing.assert_array_equal(LabelReader().read(Sample(path, path, "")), classes())
    vectorize(path, tmp_path / "m.fgb")


def layer(path, name, geometries, *, kind="Polygon", **more):
    binary = np.array([shapely.to_wkb(g) for g in geometries], object)
    driver = {".gpkg": "GPKG", ".kml": "KML", ".fgb": "FlatGeobuf", ".geojson": "GeoJSON"}[path.suffix]
    pyogrio.raw.write(path, binary, [], [], geometry_type=kind, crs="EPSG:4326", driver=driver, layer=name, **more)
    return path


ONE, TWO, THREE = (shapely.box(x, 70, x + 1, 71) for x in (10, 20, 30))


@pytest.mark.parametrize("name", ["land.gpkg", "la!nd.gpkg"])
def test_layers_are_asked_for_and_named_behind_a_colon(tmp_path, name):
    layer(tmp_path / "plain.gpkg", "islands", [ONE])
    path = layer(tmp_path / "plain.gpkg", "main: land", [TWO, THREE], append=True).rename(tmp_path / name)
    with pytest.raises(
        DataError, match=r"several layers; name one of islands, main: land, as in .*nd\.gpkg:main: land"
    ):
        read_areas(path)
    with pytest.raises(DataError, match="has no layer 'lakes'; name one of islands"):
        read_areas(path, layer="lakes")
    assert split_layer(path) == (path, None)
    assert split_layer(tmp_path / f"{name}:islands") == (path, "islands")
    assert split_layer(tmp_path / "none.gpkg:islands")[1] is None
    assert len(read_areas(path, layer="main: land")[0]) == 2


def test_a_layer_without_polygons_is_no_choice(tmp_path):
    path = layer(tmp_path / "coast.gpkg", "a_line", [shapely.LineString([(0, 0), (1, 1)])], kind="LineString")
    layer(path, "land", [ONE, TWO], append=True)
    assert [len(found) for found in read_areas(path)] == [2]


def kml(path, folders):
    def placemark(box):
        ring = " ".join(f"{x},{y},0" for x, y in box.exterior.coords)
        polygon = f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
        return f"<Placemark>{polygon}</Placemark>"

    body = "".join(
        f"<Folder><name>{name}</name>{''.join(map(placemark, boxes))}</Folder>" for name, boxes in folders.items()
    )
    path.write_text(
        f'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>'
    )
    return path


def gml(path, types):
    def member(kind, box):
        ring = " ".join(f"{x} {y}" for x, y in box.exterior.coords)
        outer = f"<gml:exterior><gml:LinearRing><gml:posList>{ring}</gml:posList></gml:LinearRing></gml:exterior>"
        return f"<gml:featureMember><{kind}><g><gml:Polygon>{outer}</gml:Polygon></g></{kind}></gml:featureMember>"

    body = "".join(member(kind, box) for kind, boxes in types.items() for box in boxes)
    path.write_text(f'<?xml version="1.0"?><c xmlns:gml="http://www.opengis.net/gml">{body}</c>')
    return path


@pytest.mark.parametrize(("write", "name"), [(kml, "land.kml"), (gml, "land.gml"), (kml, "la;nd.kml")])
def test_all_folders_of_a_drawing_count_and_nothing_is_written_beside_it(tmp_path, write, name):
    path = write(tmp_path / name, {"west": [ONE], "east": [TWO, THREE]})
    found = read_areas(path)
    assert sum(len(one) for one in found) == 3
    assert everything(tmp_path) == [name]
    assert [len(one) for one in read_areas(path, layer="east")] == [2]


COLLECTIONS = {
    "of polygons": (shapely.GeometryCollection([ONE, TWO]), 2),
    "of a collection": (
        shapely.GeometryCollection([shapely.GeometryCollection([ONE, shapely.MultiPolygon([TWO, THREE])])]),
        3,
    ),
    "with a line": (shapely.GeometryCollection([ONE, shapely.LineString([(0, 0), (1, 1)])]), 1),
}


@pytest.mark.parametrize("what", COLLECTIONS)
@pytest.mark.parametrize("name", ["c.geojson", "c.gpkg"])
def test_polygons_in_collections_count(tmp_path, what, name):
    collection, parts = COLLECTIONS[what]
    path = layer(tmp_path / name, "c", [collection], kind="GeometryCollection" if name == "c.gpkg" else "Unknown")
    (found,) = read_areas(path)
    assert sum(shapely.get_num_geometries(found.geometries)) == parts
    if what == "with a line":
        with pytest.raises(DataError, match="is a GeometryCollection; only polygons"):
            read_polygons(path)
    else:
        assert len(read_polygons(path)) == 1


CURVED = {
    "CURVEPOLYGON (CIRCULARSTRING (10 70, 11 71, 12 70, 11 69, 10 70))": 3.14159,
    "CURVEPOLYGON (COMPOUNDCURVE (CIRCULARSTRING (0 0, 1 1, 2 0), (2 0, 2 -1, 0 -1, 0 0)))": 2 + 3.14159 / 2,
    "MULTISURFACE (((0 0, 1 0, 1 1, 0 0)), CURVEPOLYGON (CIRCULARSTRING (10 70, 11 71, 12 70, 11 69, 10 70)))": 0.5
    + 3.14159,
}


@pytest.mark.parametrize("text", CURVED)
def test_curves_count(tmp_path, text):
    path = tmp_path / "curves.csv"
    path.write_text(f'id,WKT\n1,"{text}"\n')
    (found,) = read_areas(path)
    assert shapely.area(found.geometries).sum() == pytest.approx(CURVED[text], rel=1e-3)


def test_lines_beside_polygons_are_told(tmp_path, caplog):
    path = layer(tmp_path / "mixed.geojson", "m", [ONE, shapely.Point(1, 2), TWO], kind="Unknown")
    assert len(read_areas(path)[0]) == 2
    assert "1 of its features are no polygons; left out" in caplog.text
