import json
import sys

import fiona
import numpy as np
import pyarrow.parquet as pq
import pyproj
import pytest
import rasterio
import rasterio.features
import shapely
from affine import Affine
from shapely.geometry import shape

from seaice_cli.errors import OptionError, OutputError, SceneError
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.pipeline import vectorize
from tests.vectorization.masks import DATA, ICE_TAGS, POLAR, blobs, ice_mask, write_mask
from tests.vectorization.splitting.scenes import draw_floes

EQUAL_AREA = {"crs": "EPSG:6931", "transform": Affine(250, 0, -600_000, 0, -250, 500_000)}


def run(mask, target, probability=None, **options):
    return vectorize(mask, target, options=VectorOptions(**{"overwrite": True, **options}), probability=probability)


def read(path):
    """Return columns and polygons of a GeoParquet file."""
    table = pq.read_table(path)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    return columns, shapely.from_wkb(columns.pop("geometry"))


def test_masks_of_predict_keep_names_and_leave_out_nodata(tmp_path):
    mask = ice_mask(tmp_path / "mask.tif")
    summary = run(mask, tmp_path / "out.parquet")
    columns, polygons = read(tmp_path / "out.parquet")
    assert set(columns["class_name"]) == {"water", "ice"} == set(summary.by_class)
    assert summary.polygons == len(polygons) == sum(summary.by_class.values())
    assert summary.pixels == columns["n_pixels"].sum() == 93 * 96
    assert columns["id"].tolist() == list(range(1, len(polygons) + 1))
    assert shapely.is_valid(polygons).all()
    assert not set(columns["class"]) - {0, 1}


def test_classes_are_chosen_by_name_or_value(tmp_path):
    mask = ice_mask(tmp_path / "mask.tif")
    by_name = run(mask, tmp_path / "name.gpkg", classes=("ice",))
    by_value = run(mask, tmp_path / "value.gpkg", classes=(1,))
    by_text = run(mask, tmp_path / "text.gpkg", classes=("1",))
    assert by_name.by_class == by_value.by_class == by_text.by_class
    assert set(by_name.by_class) == {"ice"}


def test_areas_add_up_to_pixels_times_pixel_area(tmp_path):
    pixels, _ = blobs(70, 90, seed=1)
    summary = run(write_mask(tmp_path / "mask.tif", pixels, **EQUAL_AREA), tmp_path / "out.parquet")
    assert summary.area_m2 == pytest.approx(pixels.size * 62_500, rel=1e-12)
    columns, polygons = read(tmp_path / "out.parquet")
    assert columns["area_m2"] == pytest.approx(shapely.area(polygons), rel=1e-9)


def test_areas_in_a_polar_grid_are_geodesic(tmp_path):
    pixels, _ = blobs(70, 90, seed=1, blur=4)
    mask = write_mask(tmp_path / "mask.tif", pixels, transform=Affine(2000, 0, -2_000_000, 0, -2000, -1_500_000))
    run(mask, tmp_path / "out.parquet")
    columns, polygons = read(tmp_path / "out.parquet")
    geod, back = pyproj.Geod(ellps="WGS84"), pyproj.Transformer.from_crs(3413, 4326, always_xy=True)
    moved = shapely.transform(
        shapely.segmentize(polygons, 500), lambda p: np.stack(back.transform(p[:, 0], p[:, 1]), axis=1)
    )
    expected = [geod.geometry_area_perimeter(polygon)[0] for polygon in moved]
    assert columns["area_m2"] == pytest.approx(expected, rel=1e-5)
    assert abs(columns["area_m2"].sum() / shapely.area(polygons).sum() - 1) > 0.01  # what planar areas would be off


def test_min_area_is_true_area(tmp_path):
    mask = ice_mask(tmp_path / "mask.tif", blur=1.0)
    run(mask, tmp_path / "all.parquet")
    run(mask, tmp_path / "large.parquet", min_area=1e6)
    everything, _ = read(tmp_path / "all.parquet")
    large, _ = read(tmp_path / "large.parquet")
    assert large["area_m2"].tolist() == [a for a in everything["area_m2"] if a >= 1e6]
    assert 0 < len(large["id"]) < len(everything["id"])


@pytest.mark.parametrize(
    "options", [{}, {"connectivity": 8}, {"simplify": 300.0}, {"fill_holes": 4e5}, {"attributes": "floe"}]
)
def test_the_file_does_not_depend_on_the_strips(tmp_path, options):
    mask = ice_mask(tmp_path / "mask.tif", blur=1.0)
    tables = []
    for rows in (None, 1, 7, 50):
        run(mask, tmp_path / f"{rows}.parquet", strip_rows=rows, **options)
        tables.append(pq.read_table(tmp_path / f"{rows}.parquet"))
    assert all(table.equals(tables[0]) for table in tables)


def test_smooth_outlines_and_probabilities(tmp_path):
    _, fields = blobs(96, 96, seed=1, classes=1, blur=4)
    probability = np.clip(np.rint(50 + 20 * fields[0]), 0, 100).astype(np.uint8)
    mask = write_mask(tmp_path / "mask.tif", (probability >= 50).astype(np.uint8), nodata=255, tags=ICE_TAGS)
    percent = write_mask(tmp_path / "percent.tif", probability, nodata=255)
    for name, smooth in (("stairs", False), ("smooth", True)):
        target = tmp_path / f"{name}.parquet"
        run(mask, target, percent, smooth=smooth, classes=("ice",), attributes="floe")
    stairs, exact = read(tmp_path / "stairs.parquet")
    contours, drawn = read(tmp_path / "smooth.parquet")
    assert stairs["n_pixels"].tolist() == contours["n_pixels"].tolist()
    assert contours["area_m2"].sum() == pytest.approx(stairs["area_m2"].sum(), rel=0.05)
    assert shapely.length(drawn).sum() < 0.9 * shapely.length(exact).sum()
    assert contours["perimeter_m"].sum() == pytest.approx(stairs["perimeter_m"].sum(), rel=0.05)
    assert contours["area_m2"] == pytest.approx(
        stairs["area_m2"] / stairs["n_pixels"] * shapely.area(drawn) / 62_500, rel=1e-6
    )
    with rasterio.open(mask) as source:
        pixels, transform = source.read(1), source.transform
    for row, polygon in enumerate(exact):
        inside = rasterio.features.geometry_mask([polygon], pixels.shape, transform, invert=True)
        assert stairs["prob_mean"][row] == pytest.approx(probability[inside].mean() / 100)
        assert stairs["prob_min"][row] == pytest.approx(probability[inside].min() / 100)


def test_points_lie_inside_and_edges_are_told(tmp_path):
    mask = ice_mask(tmp_path / "mask.tif", blur=1.5)
    run(mask, tmp_path / "out.parquet", attributes="floe")
    columns, polygons = read(tmp_path / "out.parquet")
    forth = pyproj.Transformer.from_crs(4326, 3413, always_xy=True)
    points = shapely.points(*forth.transform(columns["lon"], columns["lat"]))
    assert shapely.contains(polygons, points).all()
    west, north = POLAR.c, POLAR.f
    frame = shapely.box(west, north - 96 * 250, west + 96 * 250, north - 3 * 250).boundary
    on_edge = shapely.length(shapely.intersection(polygons, frame)) > 0
    assert columns["touches_edge"].tolist() == on_edge.tolist()
    for name in ("circularity", "solidity", "elongation", "mcd_m", "feret_max_m", "feret_min_m", "eq_diam_m"):
        assert np.isfinite(columns[name]).all()
    assert (columns["feret_min_m"] <= columns["mcd_m"] + 1e-6).all()
    assert (columns["mcd_m"] <= columns["feret_max_m"] + 1e-6).all()
    assert (columns["solidity"] <= 1 + 1e-12).all()


def test_split_floes_are_more_and_the_file_says_so(tmp_path):
    y, x = np.mgrid[:80, :140]
    ice = (np.hypot(y - 40, x - 40) < 30) | (np.hypot(y - 40, x - 95) < 30)
    mask = write_mask(tmp_path / "mask.tif", ice.astype(np.uint8), nodata=255, tags=ICE_TAGS)
    assert run(mask, tmp_path / "one.gpkg", classes=("ice",)).polygons == 1
    assert run(mask, tmp_path / "two.gpkg", classes=("ice",), split_floes=True).by_class == {"ice": 2}
    with fiona.open(tmp_path / "two.gpkg", layer="two") as source:
        assert source.tags()["VECTOR_SPLIT_FLOES"] == "True"


def test_a_landscape_parts_floes_that_the_mask_has_in_one_sheet(tmp_path):
    brightness, true = draw_floes((600, 200), 90, seed=2)
    brightness = np.clip(brightness, 0, 255).astype(np.uint8)
    mask = write_mask(tmp_path / "mask.tif", (brightness > 85).astype(np.uint8), nodata=255, tags=ICE_TAGS)
    scene = write_mask(tmp_path / "scene.tif", np.stack([brightness] * 3))
    written = []
    for rows in (None, 1, 77, 400):
        options = VectorOptions(classes=("ice",), split_floes=True, strip_rows=rows, floe_window=32)
        summary = vectorize(mask, tmp_path / f"{rows}.parquet", options=options, landscape=scene)
        assert summary.pixels == (brightness > 85).sum()
        written.append(read(tmp_path / f"{rows}.parquet"))
    for columns, polygons in written:
        assert columns["n_pixels"].tolist() == written[0][0]["n_pixels"].tolist()
        assert shapely.equals(polygons, written[0][1]).all()
    columns, _ = written[0]
    large = columns["is_floe"] & (columns["n_pixels"] >= 60)
    assert large.sum() == true.max()
    assert (columns["n_pixels"][~columns["is_floe"]].max()) > 1000, "brash is ice, and no floe"
    metadata = pq.read_schema(tmp_path / "1.parquet").metadata
    assert metadata[b"VECTOR_LANDSCAPE"] == b"scene.tif"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64"])
def test_masks_of_other_tools_work_whatever_their_type(tmp_path, dtype):
    pixels, _ = blobs(40, 50, seed=2, blur=1)
    expected = run(write_mask(tmp_path / "plain.tif", pixels), tmp_path / "plain.parquet")
    shifted = pixels.astype(dtype) - (5 if np.dtype(dtype).kind == "i" else 0)
    nodata = -5 if np.dtype(dtype).kind == "i" else 0
    found = run(write_mask(tmp_path / "other.tif", shifted, nodata=nodata), tmp_path / "other.parquet")
    assert list(found.by_class.values()) == list(expected.by_class.values())
    assert read(tmp_path / "other.parquet")[1].tolist() == read(tmp_path / "plain.parquet")[1].tolist()


def test_without_nodata_zero_is_a_class(tmp_path):
    summary = run(write_mask(tmp_path / "mask.tif", np.eye(4, dtype=np.uint8), nodata=None), tmp_path / "out.gpkg")
    assert summary.by_class == {"0": 2, "1": 4}


def test_what_an_alpha_band_hides_is_nodata(tmp_path):
    pixels = np.stack([np.ones((6, 6), np.uint8), np.full((6, 6), 255, np.uint8)])
    pixels[1, :, 3:] = 0
    mask = write_mask(tmp_path / "mask.tif", pixels, nodata=None, ALPHA="YES")
    summary = run(mask, tmp_path / "out.gpkg")
    assert summary.pixels == 18


def test_without_a_reference_system_polygons_are_in_pixels(tmp_path, caplog):
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        mask = write_mask(tmp_path / "mask.tif", np.eye(3, dtype=np.uint8), crs=None, transform=Affine.identity())
        summary = run(mask, tmp_path / "out.parquet", attributes="floe")
    assert "no coordinate reference system" in caplog.text
    assert summary.area_m2 is None
    columns, polygons = read(tmp_path / "out.parquet")
    assert shapely.area(polygons).tolist() == [1, 1, 1]
    assert polygons[2].bounds == (2, 2, 3, 3)
    assert columns["area_m2"].tolist() == pytest.approx([np.nan] * 3, nan_ok=True)
    assert np.isfinite(columns["circularity"]).all()


def test_geojson_is_in_degrees_and_cut_at_the_antimeridian(tmp_path):
    pixels = np.ones((40, 40), np.uint8)
    transform = Affine(
        2000, 0, -1_500_000, 0, -2000, 1_500_000
    )  # the antimeridian runs from the pole to the upper left
    run(write_mask(tmp_path / "mask.tif", pixels, transform=transform), tmp_path / "out.geojson")
    content = json.loads((tmp_path / "out.geojson").read_text())
    (feature,) = content["features"]
    polygon = shape(feature["geometry"])
    assert polygon.geom_type == "MultiPolygon"
    assert polygon.is_valid
    assert all(part.bounds[2] - part.bounds[0] < 10 for part in polygon.geoms)
    assert polygon.bounds[0] == -180
    assert polygon.bounds[2] == 180
    assert "crs" not in content


def test_t_srs_writes_in_another_system(tmp_path):
    mask = ice_mask(tmp_path / "mask.tif")
    run(mask, tmp_path / "here.parquet")
    run(mask, tmp_path / "there.gpkg", t_srs="EPSG:6931")
    with fiona.open(tmp_path / "there.gpkg", layer="there") as source:
        assert source.crs.to_epsg() == 6931
        areas = [shape(f.geometry).area for f in source]
    assert areas == pytest.approx(read(tmp_path / "here.parquet")[0]["area_m2"], rel=1e-5)


def test_a_chart_has_the_standards_fields_and_only_what_a_mask_knows(tmp_path):
    mask = ice_mask(tmp_path / "mask.tif")
    run(mask, tmp_path / "chart.shp", sigrid3=True)
    with fiona.open(tmp_path / "chart.shp") as source:
        names = list(source.schema["properties"])
        rows = [f.properties for f in source]
    order = "AREA PERIMETER CT CA SA FA CB SB FB CC SC FC CN CD CF POLY_TYPE"
    assert names == order.split()
    assert {(r["POLY_TYPE"], r["CT"]) for r in rows} == {("I", "92"), ("W", "01")}
    assert {r[name] for r in rows for name in ("SA", "FA", "CA", "CF")} == {"-9"}
    assert all(r["AREA"] > 0 and r["PERIMETER"] > 0 for r in rows)


def test_no_polygons_are_a_valid_file(tmp_path):
    mask = ice_mask(tmp_path / "mask.tif")
    summary = run(mask, tmp_path / "out.gpkg", classes=("cloud",))
    assert summary.polygons == 0
    with fiona.open(tmp_path / "out.gpkg", layer="out") as source:
        assert len(source) == 0
        assert "area_m2" in source.schema["properties"]


def test_a_mask_without_data_is_an_empty_file_where_that_is_allowed(tmp_path):
    mask = write_mask(tmp_path / "mask.tif", np.zeros((9, 9), np.uint8), nodata=0)
    assert run(mask, tmp_path / "out.gpkg", blank=True).polygons == 0
    with fiona.open(tmp_path / "out.gpkg", layer="out") as source:
        assert list(source) == []


def bad_masks(tmp_path):
    square = np.ones((64, 64), np.uint8)
    yield "missing", tmp_path / "missing.tif", "no such file"
    empty = tmp_path / "empty.tif"
    empty.touch()
    yield "empty", empty, "cannot be read as a raster"
    yield "float", write_mask(tmp_path / "float.tif", np.where(square, 0.5, 0).astype("float32")), "holds fractions"
    yield "complex", write_mask(tmp_path / "complex.tif", square.astype("complex64"), nodata=None), "holds complex64"
    yield "rgb", write_mask(tmp_path / "rgb.tif", np.stack([square] * 3), photometric="RGB"), "has 3 bands"
    yield "nodata", write_mask(tmp_path / "nodata.tif", square, nodata=1), "every pixel is nodata"
    noise = np.random.default_rng(0).integers(0, 9, (512, 512)).astype(np.uint8)
    torn = write_mask(tmp_path / "torn.tif", noise, tiled=True, blockxsize=128, blockysize=128, nodata=None)
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size * 2 // 3])
    yield "torn", torn, "cannot be read"


@pytest.mark.parametrize("index", range(7))
def test_bad_masks_are_refused_in_a_line_and_leave_nothing(tmp_path, index):
    name, mask, text = list(bad_masks(tmp_path))[index]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(SceneError, match=text) as caught:
        run(mask, tmp_path / "out.gpkg", strip_rows=64)
    assert str(mask) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before, name


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"classes": ("slush",)}, "no class 'slush' in this mask; it has 0 .water., 1 .ice., 2 .cloud."),
        ({"classes": (255,)}, "nodata, which never becomes polygons"),
        ({"band": 3}, "has no band 3"),
        ({"smooth": True}, "needs `probability`"),
        ({"sigrid3": True}, "a SIGRID-3 chart is a Shapefile"),
        ({"t_srs": "somewhere"}, "no coordinate reference system"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options, text):
    mask = ice_mask(tmp_path / "mask.tif")
    with pytest.raises(OptionError, match=text):
        run(mask, tmp_path / "out.gpkg", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["mask.tif"]


@pytest.mark.parametrize(
    "options",
    [
        {"connectivity": 6}, {"min_area": -1.0}, {"min_area": float("nan")}, {"min_pixels": 0}, {"simplify": -2.0},
        {"smooth": True, "simplify": 5.0}, {"threshold": 0.5}, {"smooth": True, "threshold": 1.5}, {"strip_rows": 0},
        {"attributes": "all"}, {"sigrid3": True, "attributes": "none"}, {"fill_holes": float("inf")},
    ],
)  # fmt: skip
def test_impossible_options_are_refused_at_once(options):
    with pytest.raises(OptionError):
        VectorOptions(**options)


def test_a_probability_on_another_grid_is_refused(tmp_path):
    mask = ice_mask(tmp_path / "mask.tif")
    other = write_mask(tmp_path / "other.tif", np.ones((5, 5), np.uint8))
    with pytest.raises(OptionError, match="is 5 x 5 pixels, the mask 96 x 96"):
        run(mask, tmp_path / "out.gpkg", other)
    beyond = write_mask(tmp_path / "beyond.tif", np.full((96, 96), 200, np.uint8))
    with pytest.raises(SceneError, match="beyond 100 per cent"):
        run(mask, tmp_path / "out.gpkg", beyond)


def test_targets_are_kept_unless_overwriting_is_asked_for(tmp_path):
    mask, target = ice_mask(tmp_path / "mask.tif"), tmp_path / "out.gpkg"
    run(mask, target)
    before = target.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        run(mask, target, overwrite=False)
    assert target.read_bytes() == before
    run(mask, target, overwrite=True, classes=("ice",))
    assert target.read_bytes() != before


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    mask = ice_mask(tmp_path / "mask.tif")
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for suffix in (".gpkg", ".fgb", ".parquet", ".geojson", ".shp"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
            with pytest.raises(OutputError, match="cannot be written"):
                run(mask, tmp_path / f"out{suffix}")
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert [p.name for p in tmp_path.iterdir()] == ["mask.tif"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_progress_sees_every_strip(tmp_path):
    seen = []

    def watch(rows):
        for row in rows:
            yield row
            seen.append(row)

    vectorize(
        ice_mask(tmp_path / "mask.tif"), tmp_path / "out.gpkg", options=VectorOptions(strip_rows=20), progress=watch
    )
    assert seen == [0, 20, 40, 60, 80]


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real data in ../shared/data")
def test_the_scene_across_the_antimeridian_is_valid_and_small_in_geojson(tmp_path):
    mask = DATA / "large" / "modis_chukchi_2020162_landmask.tif"
    run(mask, tmp_path / "out.geojson")
    content = json.loads((tmp_path / "out.geojson").read_text())
    polygons = np.array([shape(feature["geometry"]) for feature in content["features"]])
    assert shapely.is_valid(polygons).all()
    parts = shapely.get_parts(polygons)
    assert (shapely.bounds(parts)[:, 2] - shapely.bounds(parts)[:, 0]).max() < 40
    assert shapely.total_bounds(parts)[0] == -180
    assert shapely.total_bounds(parts)[2] == 180
