import csv

import fiona
import matplotlib.image
import numpy as np
import pyarrow as pa
import pytest
import shapely

from seaice_cli.errors import DataError, OptionError, OutputError, SceneError
from seaice_cli.products.floe_chart import draw_floes
from seaice_cli.products.floes import fit_power_law, measure_floes
from seaice_cli.vectorization.writing.formats import GEOMETRY, Layer, write_features


def write(path, areas, *, names=None, edge=None, caliper=True, metadata=None, floe=None):
    """Write a layer with these areas; the shapes themselves do not matter."""
    areas = np.asarray(areas, float)
    names = names or ["ice"] * areas.size
    columns = {
        "class": pa.array([{"water": 0, "ice": 1}.get(n, 2) for n in names], pa.int64()),
        "class_name": pa.array(names, pa.string()),
        "area_m2": pa.array(areas, from_pandas=True),
        "touches_edge": pa.array(edge or [False] * areas.size, pa.bool_()),
    }
    if caliper:
        columns["mcd_m"] = pa.array(2 * np.sqrt(areas / np.pi) * 1.1)
    if floe is not None:
        columns["is_floe"] = pa.array(floe)
    columns[GEOMETRY] = pa.array(shapely.to_wkb(shapely.box(np.zeros(areas.size), 0, 1, 1)), pa.binary())
    table = pa.record_batch(columns)
    write_features(path, table.schema, iter([table]), Layer(name="ice", wkt="EPSG:3413", metadata=metadata or {}))
    return path


def discs(diameters):
    return np.pi / 4 * np.asarray(diameters, float) ** 2


@pytest.mark.parametrize("exponent", [1.8, 2.5, 3.4])
def test_the_exponent_of_a_power_law_is_found_within_its_error(exponent):
    sample = 100 * (1 - np.random.default_rng(1).random(20_000)) ** (-1 / (exponent - 1))
    fit = fit_power_law(sample)
    assert abs(fit.exponent - exponent) < 4 * fit.error
    assert fit.error == pytest.approx((fit.exponent - 1) / np.sqrt(fit.floes))
    assert fit.distance < 0.02


def test_what_is_below_the_power_law_is_left_to_itself():
    rng = np.random.default_rng(2)
    tail = 1000 * (1 - rng.random(5_000)) ** (-1 / 1.5)
    fit = fit_power_law(np.concatenate([tail, rng.uniform(100, 1000, 5_000)]))
    assert 800 < fit.smallest < 1300
    assert fit.exponent == pytest.approx(2.5, abs=0.1)


def test_the_fit_is_the_one_by_hand():
    sizes = np.array([10.0] * 5 + [20.0] * 5)
    fit = fit_power_law(sizes)
    assert fit.smallest == 10
    assert fit.exponent == pytest.approx(1 + 10 / (5 * np.log(2)))


@pytest.mark.parametrize("sizes", [[], [1.0] * 5, [3.0] * 40])
def test_too_few_or_equal_floes_have_no_fit(sizes):
    assert fit_power_law(np.array(sizes)) is None


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet", ".shp", ".geojson"])
def test_every_format_gives_the_same_report(tmp_path, suffix):
    areas = discs(np.geomspace(100, 5000, 60))
    path = write(tmp_path / f"ice{suffix}", [*areas, 4e6, 1e7], names=["ice"] * 60 + ["water", "water"])
    report = measure_floes(path)
    assert report.floes == 60
    assert report.ice_m2 == pytest.approx(areas.sum())
    assert report.water_m2 == pytest.approx(1.4e7)
    assert report.equal_area.largest_m == pytest.approx(5000)
    assert report.caliper.median_m == pytest.approx(1.1 * report.equal_area.median_m)


def test_floes_at_the_edge_are_left_out_of_sizes_but_not_of_areas(tmp_path):
    path = write(tmp_path / "ice.gpkg", discs([100, 200, 5000]), edge=[False, False, True])
    report = measure_floes(path)
    assert (report.floes, report.left_out) == (2, 1)
    assert report.equal_area.largest_m == pytest.approx(200)
    assert report.ice_m2 == pytest.approx(discs([100, 200, 5000]).sum())
    assert any("touches the edge" in caveat for caveat in report.caveats)


def test_densities_add_up_to_the_floes_and_their_area(tmp_path):
    areas = discs(np.random.default_rng(0).uniform(100, 3000, 500))
    report = measure_floes(write(tmp_path / "ice.gpkg", [*areas, areas.sum()], names=["ice"] * 500 + ["water"]), bins=9)
    width = [(b.high_m - b.low_m) / 1000 for b in report.equal_area.bins]
    number = sum(b.number_density * w for b, w in zip(report.equal_area.bins, width, strict=True))
    assert number * report.region_m2 / 1e6 == pytest.approx(500)
    assert sum(b.area_density * w for b, w in zip(report.equal_area.bins, width, strict=True)) == pytest.approx(0.5)
    assert report.open_water_fraction == pytest.approx(0.5)


def test_leads_are_water_that_the_ice_encloses(tmp_path):
    path = write(tmp_path / "ice.gpkg", [60, 10, 30], names=["ice", "water", "water"], edge=[True, False, True])
    report = measure_floes(path)
    assert report.lead_fraction == pytest.approx(0.1)
    assert report.open_water_fraction == pytest.approx(0.4)


def test_without_water_leads_are_unknown(tmp_path):
    report = measure_floes(write(tmp_path / "ice.gpkg", discs([100, 200, 300])))
    assert report.lead_fraction is None
    assert any("no polygons of water" in caveat for caveat in report.caveats)


def test_whether_floes_were_split_is_said(tmp_path):
    merged = measure_floes(write(tmp_path / "a.gpkg", discs([100, 200])))
    split = measure_floes(write(tmp_path / "b.gpkg", discs([100, 200]), metadata={"VECTOR_SPLIT_FLOES": "True"}))
    assert any("`split_floes`" in caveat for caveat in merged.caveats)
    assert not any("`split_floes`" in caveat for caveat in split.caveats)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".shp"])
def test_ice_between_floes_is_no_floe(tmp_path, suffix):
    path = write(tmp_path / f"ice{suffix}", [10.0, 20.0, 70.0], edge=[False, True, False], floe=[True, True, False])
    report = measure_floes(path)
    assert (report.floes, report.left_out) == (1, 1)
    assert (report.ice_m2, report.between_m2) == (100, 70)
    assert report.left_out_area_share == pytest.approx(0.2)
    assert measure_floes(write(tmp_path / f"all{suffix}", [10.0, 20.0])).between_m2 is None


def test_how_floes_were_parted_is_said(tmp_path):
    about = {"VECTOR_SPLIT_FLOES": "True"}
    form = measure_floes(write(tmp_path / "a.gpkg", discs([100, 200]), metadata=about))
    scene = measure_floes(write(tmp_path / "b.gpkg", discs([100, 200]), metadata=about | {"VECTOR_LANDSCAPE": "s.tif"}))
    assert any("`landscape`" in caveat for caveat in form.caveats)
    assert not any("`landscape`" in caveat for caveat in scene.caveats)


def test_no_floes_are_an_empty_report(tmp_path):
    report = measure_floes(write(tmp_path / "ice.gpkg", []))
    assert (report.floes, report.ice_m2, report.equal_area, report.area_exponent) == (0, 0.0, None, None)


def test_files_that_say_nothing_of_floes_are_refused(tmp_path):
    with pytest.raises(SceneError, match="no such file"):
        measure_floes(tmp_path / "missing.gpkg")
    (tmp_path / "text.gpkg").write_text("hello")
    with pytest.raises(DataError, match="cannot be read as a vector file"):
        measure_floes(tmp_path / "text.gpkg")
    schema = {"geometry": "Polygon", "properties": {"name": "str"}}
    with fiona.open(tmp_path / "other.gpkg", "w", driver="GPKG", schema=schema, layer="x"):
        pass
    with pytest.raises(SceneError, match="lacks class, area_m2, touches_edge"):
        measure_floes(tmp_path / "other.gpkg")
    path = write(tmp_path / "ice.gpkg", discs([100, 200]))
    with pytest.raises(OptionError, match="has no class 'slush'; choose with `ice` among"):
        measure_floes(path, ice="slush")
    with pytest.raises(OptionError, match="has no layer 'x'"):
        measure_floes(path, layer="x")
    with pytest.raises(SceneError, match="areas are unknown"):
        measure_floes(write(tmp_path / "nowhere.gpkg", [np.nan, np.nan], caliper=False))


def test_the_plot_is_a_picture(tmp_path):
    areas = discs(np.random.default_rng(0).uniform(100, 3000, 300))
    report = measure_floes(write(tmp_path / "ice.gpkg", areas))
    draw_floes(report, tmp_path / "sizes.png")
    picture = matplotlib.image.imread(tmp_path / "sizes.png")
    assert picture.shape[:2] == (630, 1500)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 50
    with pytest.raises(OutputError, match="exists already"):
        draw_floes(report, tmp_path / "sizes.png")
    with pytest.raises(OptionError, match=r"name it \.png"):
        draw_floes(report, tmp_path / "sizes.jpg")
    with pytest.raises(OutputError, match="there is no folder"):
        draw_floes(report, tmp_path / "no" / "sizes.png")
    draw_floes(measure_floes(write(tmp_path / "none.gpkg", [])), tmp_path / "none.png")


def test_the_plot_is_also_drawn_in_lines_and_written_as_a_table(tmp_path):
    areas = discs(np.random.default_rng(0).uniform(100, 3000, 300))
    report = measure_floes(write(tmp_path / "ice.gpkg", areas))
    for suffix, head in ((".svg", b"<?xml"), (".pdf", b"%PDF")):
        draw_floes(report, tmp_path / f"sizes{suffix}")
        first = (tmp_path / f"sizes{suffix}").read_bytes()
        assert first.startswith(head)
        draw_floes(report, tmp_path / f"sizes{suffix}", overwrite=True)
        assert (tmp_path / f"sizes{suffix}").read_bytes() == first
    draw_floes(report, tmp_path / "sizes.csv")
    with (tmp_path / "sizes.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["diameter"] == "equal-area"]
    assert sum(int(row["floes"]) for row in rows) == report.floes
    for row in rows:
        if int(row["floes"]):
            assert float(row["number_density_error"]) / float(row["number_density"]) == pytest.approx(
                int(row["floes"]) ** -0.5
            )
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
