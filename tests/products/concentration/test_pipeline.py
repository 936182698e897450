"""Masks binned into concentration."""

import logging

import numpy as np
import pytest
import shapely
from affine import Affine

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.products.concentration.cells import ALL_LAND, LITTLE_KNOWN, NO_MASK, OK
from seaice_cli.products.concentration.options import ConcentrationOptions
from seaice_cli.products.concentration.pipeline import concentrate
from seaice_cli.products.meanings import Meanings
from tests.vectorization.masks import ICE_TAGS, write_mask

EQUAL = "EPSG:6931"
FAR = 1_000_000.0
WATER, ICE, CLOUD, LAND, NODATA = 0, 1, 2, 254, 255


def write(path, pixels, *, side=100.0, tags=ICE_TAGS, crs=EQUAL, left=0.0, top=0.0, **options):
    return write_mask(
        path, np.asarray(pixels, np.uint8), crs=crs, transform=Affine(side, 0, FAR + left, 0, -side, FAR + top), nodata=NODATA,
        tags=tags, **options,
    )  # fmt: skip


def cells(*blocks):
    """Return cells of 10 x 10 pixels side by side, filled from the top by shares of classes."""
    columns = []
    for block in blocks:
        flat = np.concatenate([np.full(count, value) for value, count in block.items()])
        columns.append(flat.reshape(10, 10))
    return np.hstack(columns)


def run(path, *, cell=1000.0, **options):
    return concentrate([path], options=ConcentrationOptions(cell=cell, **options))


def test_concentration_is_ice_by_ice_and_water(tmp_path):
    made = run(write(tmp_path / "m.tif", cells({ICE: 30, WATER: 70}, {ICE: 100}, {WATER: 100})))
    assert made.fraction == pytest.approx(np.array([[0.3, 1, 0]]), abs=1e-9)
    assert made.status.tolist() == [[OK] * 3]
    assert made.pixels.tolist() == [[100] * 3]
    assert np.isnan(made.uncertainty).all()


def test_cloud_is_unknown_and_not_water(tmp_path):
    made = run(write(tmp_path / "m.tif", cells({ICE: 30, WATER: 30, CLOUD: 40}, {CLOUD: 100})))
    assert made.fraction[0, 0] == pytest.approx(0.5)
    assert np.isnan(made.fraction[0, 1])
    assert made.unknown == pytest.approx(np.array([[0.4, 1]]))
    assert made.status.tolist() == [[OK, LITTLE_KNOWN]]


def test_half_of_the_sea_must_be_known(tmp_path):
    mask = write(tmp_path / "m.tif", cells({ICE: 50, NODATA: 50}, {ICE: 49, NODATA: 51}, {NODATA: 100}))
    assert run(mask).status.tolist() == [[OK, LITTLE_KNOWN, NO_MASK]]
    assert run(mask, min_valid=0.4).status.tolist() == [[OK, OK, NO_MASK]]
    assert run(mask, min_valid=0.6).status.tolist() == [[LITTLE_KNOWN, LITTLE_KNOWN, NO_MASK]]


def test_land_is_not_sea_that_must_be_known(tmp_path):
    mask = write(
        tmp_path / "m.tif",
        cells({LAND: 80, ICE: 5, WATER: 5, CLOUD: 10}, {LAND: 80, ICE: 9, CLOUD: 11}, {LAND: 100}),
    )
    made = run(mask)
    assert made.status.tolist() == [[OK, LITTLE_KNOWN, ALL_LAND]]
    assert made.fraction[0, 0] == pytest.approx(0.5)
    assert made.land == pytest.approx(np.array([[0.8, 0.8, 1]]))


def test_polygons_of_land_count_before_the_mask(tmp_path):
    import pyogrio

    target = tmp_path / "land.gpkg"
    square = shapely.box(FAR, FAR - 1000, FAR + 500, FAR)
    pyogrio.raw.write(
        target, np.array([shapely.to_wkb(square)], object), [], [], geometry_type="Polygon", crs=EQUAL, layer="land"
    )
    made = run(write(tmp_path / "m.tif", cells({ICE: 100}, {ICE: 100})), land=target)
    assert made.land == pytest.approx(np.array([[0.5, 0]]))
    assert made.fraction == pytest.approx(np.array([[1, 1]]))
    assert made.pixels.tolist() == [[50, 100]]


def test_probabilities_make_concentration_and_its_error(tmp_path):
    mask = write(tmp_path / "m.tif", cells({ICE: 50, WATER: 50}))
    percent = write(tmp_path / "p.tif", cells({80: 50, 20: 50}), tags={})
    made = concentrate([mask], options=ConcentrationOptions(cell=1000.0), probabilities=[percent])
    assert made.fraction[0, 0] == pytest.approx(0.5)
    assert made.uncertainty[0, 0] == pytest.approx(np.sqrt(0.16 / 100))


def test_two_masks_side_by_side_fill_a_cell(tmp_path, caplog):
    left = write(tmp_path / "a.tif", cells({ICE: 100})[:, :5])
    right = write(tmp_path / "b.tif", cells({WATER: 100})[:, 5:], left=500)
    with caplog.at_level(logging.WARNING):
        made = concentrate([left, right], options=ConcentrationOptions(grid="ease2-n25", min_valid=0.001))
    assert not caplog.records
    assert made.fraction[made.status == OK] == pytest.approx([0.5])
    assert made.sources == ("a.tif", "b.tif")


def test_masks_that_overlap_are_told(tmp_path, caplog):
    mask = write(tmp_path / "a.tif", cells({ICE: 40, LAND: 60}))
    with caplog.at_level(logging.WARNING):
        made = concentrate([mask, mask], options=ConcentrationOptions(cell=1000.0))
    assert "overlap" in caplog.text
    assert made.land[0, 0] == pytest.approx(0.6)
    assert made.fraction[0, 0] == 1


def test_a_mask_beyond_the_grid_is_told(tmp_path, caplog):
    mask = write(tmp_path / "a.tif", cells({ICE: 100}), crs="EPSG:6932")
    with caplog.at_level(logging.WARNING):
        made = concentrate([mask], options=ConcentrationOptions(grid="psn25"))
    assert "none of its pixels" in caplog.text
    assert (made.status == NO_MASK).all()


@pytest.mark.parametrize("strip_rows", [1, 7, 64])
def test_strips_change_nothing(tmp_path, strip_rows):
    rng = np.random.default_rng(3)
    mask = write(tmp_path / "m.tif", rng.integers(0, 3, (90, 70)), crs="EPSG:3413", side=370.0)
    whole = concentrate([mask], options=ConcentrationOptions(cell=6000.0))
    parts = concentrate([mask], options=ConcentrationOptions(cell=6000.0), strip_rows=strip_rows)
    assert whole.fraction.tobytes() == parts.fraction.tobytes()


def test_the_time_is_that_of_all_masks(tmp_path):
    tags = [{**ICE_TAGS, "ACQUIRED": f"2022-09-14T{hour}:30:00Z"} for hour in ("12", "09")]
    masks = [write(tmp_path / f"{i}.tif", cells({ICE: 100}), tags=t, left=1000.0 * i) for i, t in enumerate(tags)]
    made = concentrate(masks, options=ConcentrationOptions(cell=1000.0))
    assert [t.isoformat() for t in made.time] == ["2022-09-14T09:30:00+00:00", "2022-09-14T12:30:00+00:00"]
    silent = write(tmp_path / "s.tif", cells({ICE: 100}), left=2000)
    assert concentrate([*masks, silent], options=ConcentrationOptions(cell=1000.0)).time is None


def test_classes_are_told_by_name_or_value(tmp_path):
    odd = {"CLASS_0": "dark", "CLASS_1": "bright", "CLASS_2": "haze"}
    mask = write(tmp_path / "m.tif", cells({0: 25, 1: 25, 2: 50}), tags=odd)
    with pytest.raises(OptionError, match=r"what is class 'dark'.*`water`"):
        run(mask)
    chosen = Meanings(ice=["bright"], water=["0"], unknown=["Haze"])
    assert run(mask, meanings=chosen).fraction[0, 0] == pytest.approx(0.5)
    with pytest.raises(OptionError, match="no class 'slush'"):
        run(mask, meanings=Meanings(ice=["slush"]))


def test_a_mask_of_255_and_0_is_read_when_told(tmp_path):
    pixels = cells({255: 30, 0: 70}).astype(np.uint8)
    mask = write_mask(tmp_path / "m.tif", pixels, crs=EQUAL, transform=Affine(100, 0, FAR, 0, -100, FAR), nodata=None)
    made = run(mask, meanings=Meanings(ice=[255], water=[0]))
    assert made.fraction[0, 0] == pytest.approx(0.3)


def test_values_of_wide_types_beyond_bytes_are_nodata(tmp_path):
    pixels = cells({0: 20, 1: 30, 300: 50}).astype(np.int16)
    mask = write_mask(tmp_path / "m.tif", pixels, crs=EQUAL, transform=Affine(100, 0, FAR, 0, -100, FAR), nodata=-1)
    assert run(mask).fraction[0, 0] == pytest.approx(0.6)


def test_what_cannot_be_done_is_refused(tmp_path):
    mask = write(tmp_path / "m.tif", cells({ICE: 100}))
    with pytest.raises(OptionError, match="at least one"):
        concentrate([], options=ConcentrationOptions(cell=1000.0))
    with pytest.raises(OptionError, match="for 1 masks"):
        concentrate([mask], options=ConcentrationOptions(cell=1000.0), probabilities=[mask, mask])
    with pytest.raises(SceneError, match="no such file"):
        run(tmp_path / "none.tif")
    nowhere = write(tmp_path / "n.tif", cells({ICE: 100}), crs=None)
    with pytest.raises(SceneError, match="CRS"):
        run(nowhere)
    with pytest.raises(OptionError, match="`grid`"):
        ConcentrationOptions()
    with pytest.raises(OptionError, match="`min_valid`"):
        ConcentrationOptions(cell=1000.0, min_valid=0)
