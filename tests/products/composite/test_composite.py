"""Masks put together."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject

from seaice_cli.errors import OptionError, OutputError, SceneError
from seaice_cli.products.composite import pipeline
from seaice_cli.products.composite.options import CompositeOptions
from seaice_cli.products.composite.pipeline import composite
from tests.products.made import EQUAL, mask_at
from tests.vectorization.masks import ICE_TAGS, write_mask

WATER, ICE, CLOUD, LAND, NODATA = 0, 1, 2, 254, 255


def run(tmp_path, *masks, **options):
    """Return the mask and its layers."""
    given = {name: options.pop(name) for name in ("probabilities", "times") if name in options}
    target, layers = tmp_path / "day.tif", tmp_path / "layers.tif"
    composite(masks, target, layers=layers, options=CompositeOptions(**options), overwrite=True, **given)
    with rasterio.open(target) as mask, rasterio.open(layers) as beside:
        return mask.read(1), beside.read()


@pytest.fixture
def pair(tmp_path):
    first = mask_at(tmp_path / "a.tif", [[WATER, ICE, CLOUD, ICE, LAND, NODATA, CLOUD]], hour=9)
    second = mask_at(tmp_path / "b.tif", [[CLOUD, WATER, ICE, ICE, WATER, NODATA, CLOUD]], hour=11)
    return first, second


def test_clear_goes_over_cloud_and_later_over_earlier(pair, tmp_path):
    mask, (source, clear, disagree) = run(tmp_path, *pair)
    assert mask.tolist() == [[WATER, WATER, ICE, ICE, LAND, NODATA, CLOUD]]
    assert source.tolist() == [[1, 2, 2, 2, 0, 0, 0]]
    assert clear.tolist()[0][:4] == [1, 2, 1, 2]
    assert disagree.tolist() == [[0, 1, 0, 0, 0, 0, 0]]


def test_the_tags_say_which_is_later_and_not_the_order(pair, tmp_path):
    assert run(tmp_path, *pair[::-1])[0].tolist() == run(tmp_path, *pair)[0].tolist()


def test_without_times_the_order_counts(tmp_path):
    a, b = mask_at(tmp_path / "a.tif", [[ICE, CLOUD]]), mask_at(tmp_path / "b.tif", [[WATER, ICE]])
    assert run(tmp_path, a, b)[0].tolist() == [[WATER, ICE]]
    assert run(tmp_path, b, a)[0].tolist() == [[ICE, ICE]]
    with pytest.raises(OptionError, match="`max_age`"):
        run(tmp_path, a, b, max_age=3)


def test_an_item_is_made_with_the_mask_or_neither_is(pair, tmp_path):
    composite(pair, tmp_path / "day.tif", layers=tmp_path / "layers.tif", stac=True)
    item = json.loads((tmp_path / "day.json").read_text())
    assert {name: asset["href"] for name, asset in item["assets"].items()} == {
        "data": "./day.tif", "layers": "./layers.tif",
    }  # fmt: skip
    timeless = mask_at(tmp_path / "a2.tif", [[ICE, CLOUD]]), mask_at(tmp_path / "b2.tif", [[WATER, ICE]])
    with pytest.raises(OptionError, match="not all masks do"):
        composite(timeless, tmp_path / "other.tif", stac=True)
    assert not list(tmp_path.glob("*other*"))


def test_old_scenes_are_left_out(pair, tmp_path):
    assert run(tmp_path, *pair, max_age=1)[0].tolist() == [[CLOUD, WATER, ICE, ICE, WATER, NODATA, CLOUD]]
    assert run(tmp_path, *pair, max_age=2)[0].tolist() == run(tmp_path, *pair)[0].tolist()


def test_the_majority_decides_and_of_equals_the_later(tmp_path):
    columns = [(ICE, ICE, WATER), (ICE, WATER, CLOUD), (WATER, CLOUD, ICE), (CLOUD, CLOUD, CLOUD), (ICE, CLOUD, CLOUD)]
    masks = [mask_at(tmp_path / f"{k}.tif", [[c[k] for c in columns]], hour=8 + k) for k in range(3)]
    mask, (source, clear, disagree) = run(tmp_path, *masks, rule="majority")
    assert mask.tolist() == [[ICE, WATER, ICE, CLOUD, ICE]]
    assert source.tolist() == [[2, 2, 3, 0, 1]]
    assert clear.tolist() == [[3, 2, 2, 0, 1]]
    assert disagree.tolist() == [[1, 1, 1, 0, 0]]


def test_probabilities_decide_by_their_mean(tmp_path):
    masks = [
        mask_at(tmp_path / "a.tif", [[ICE, ICE, CLOUD, ICE]], hour=8),
        mask_at(tmp_path / "b.tif", [[WATER, WATER, WATER, CLOUD]], hour=9),
    ]
    percents = [
        mask_at(tmp_path / "pa.tif", [[95, 60, 99, 55]], tags={}),
        mask_at(tmp_path / "pb.tif", [[40, 5, 30, 99]], tags={}),
    ]
    mask, (source, *_) = run(tmp_path, *masks, probabilities=percents)
    assert mask.tolist() == [[ICE, WATER, WATER, ICE]]
    assert source.tolist() == [[1, 2, 2, 1]]
    assert run(tmp_path, *masks, probabilities=percents, threshold=0.7)[0].tolist() == [[WATER, WATER, WATER, ICE]]
    with pytest.raises(OptionError, match="`probability`"):
        run(tmp_path, *masks, rule="probability")


def test_the_grid_grows_to_hold_all(tmp_path):
    a = mask_at(tmp_path / "a.tif", [[ICE, ICE], [ICE, ICE]], hour=8)
    b = mask_at(tmp_path / "b.tif", [[WATER, WATER]], hour=9, left=-600_000 + 250, top=500_000 + 250)
    mask, _ = run(tmp_path, a, b)
    assert mask.tolist() == [[NODATA, WATER, WATER], [ICE, ICE, NODATA], [ICE, ICE, NODATA]]
    with rasterio.open(tmp_path / "day.tif") as file:
        assert file.transform == Affine(250, 0, -600_000, 0, -250, 500_250)


def test_coarser_and_reprojected_masks_are_laid_over_by_the_most_frequent_class(tmp_path):
    a = mask_at(tmp_path / "a.tif", np.full((40, 40), CLOUD), hour=8)
    coarse = np.zeros((10, 10), np.uint8)
    coarse[:, 5:] = ICE
    b = mask_at(tmp_path / "b.tif", coarse, hour=9, side=1000.0)
    mask, _ = run(tmp_path, a, b)
    assert mask.shape == (40, 40)
    assert (mask[:, :20] == WATER).all()
    assert (mask[:, 20:] == ICE).all()
    with rasterio.open(b) as file:
        transform, width, height = calculate_default_transform(file.crs, EQUAL, file.width, file.height, *file.bounds)
        moved = np.full((height, width), NODATA, np.uint8)
        settings = {
            "dst_transform": transform,
            "dst_crs": EQUAL,
            "resampling": Resampling.nearest,
            "dst_nodata": NODATA,
        }
        reproject(rasterio.band(file, 1), moved, **settings)
    tags = {**ICE_TAGS, "ACQUIRED": "2022-09-14T10:00Z"}
    c = write_mask(tmp_path / "c.tif", moved, crs=EQUAL, transform=transform, nodata=NODATA, tags=tags)
    mask, _ = run(tmp_path, a, c)
    with rasterio.open(tmp_path / "day.tif") as file:
        left, top = (round(v) for v in ~file.transform @ (-600_000, 500_000))
    inner = np.zeros(mask.shape, bool)
    inner[top + 6 : top + 34, left + 6 : left + 34] = True
    half = np.zeros(mask.shape, bool)
    half[:, : left + 20] = True
    assert (mask[inner & half] == WATER).mean() > 0.85
    assert (mask[inner & ~half] == ICE).mean() > 0.85


def test_unsure_pixels_give_way_and_are_named_where_they_stay(tmp_path):
    a = mask_at(tmp_path / "a.tif", [[253, 253, ICE]], hour=8, tags={**ICE_TAGS, "UNSURE": "253"})
    b = mask_at(tmp_path / "b.tif", [[ICE, 253, 253]], hour=9)
    assert run(tmp_path, a, b)[0].tolist() == [[ICE, 253, ICE]]
    with rasterio.open(tmp_path / "day.tif") as file:
        assert file.tags()["UNSURE"] == "253"


def test_a_finer_mask_gives_its_most_frequent_class(tmp_path):
    a = mask_at(tmp_path / "a.tif", [[CLOUD, CLOUD, CLOUD]], hour=8, side=1000.0)
    blocks = [np.repeat((ICE, WATER, CLOUD), counts).reshape(4, 4) for counts in ((10, 6, 0), (5, 9, 2), (2, 3, 11))]
    b = mask_at(tmp_path / "b.tif", np.hstack(blocks), hour=9)
    mask, (source, *_) = run(tmp_path, a, b)
    assert mask.tolist() == [[ICE, WATER, CLOUD]]
    assert source.tolist() == [[2, 2, 0]]


def test_classes_are_the_same_by_name(tmp_path):
    a = mask_at(tmp_path / "a.tif", [[WATER, CLOUD]], hour=8)
    other = {"CLASS_0": "cloud", "CLASS_1": "water", "CLASS_5": "ice", "CLASS_3": "brash", "ICE_CLASS": "5"}
    b = mask_at(
        tmp_path / "b.tif",
        [
            [0, 5],
        ],
        hour=9,
        tags=other,
    )
    mask, _ = run(tmp_path, a, b)
    assert mask.tolist() == [[WATER, ICE]]
    with rasterio.open(tmp_path / "day.tif") as file:
        tags = file.tags()
        assert (tags["CLASS_1"], tags["CLASS_2"], tags["CLASS_3"], tags["ICE_CLASS"]) == ("ice", "cloud", "brash", "1")
        assert tags["ACQUIRED"] == "2022-09-14T08:30:00Z/2022-09-14T09:30:00Z"
        assert file.nodata == 255


def test_strips_change_nothing(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    masks = [
        mask_at(tmp_path / f"{k}.tif", rng.integers(0, 3, (50, 40)), hour=8 + k, left=-600_000 + 250 * 7 * k)
        for k in range(3)
    ]
    masks.append(mask_at(tmp_path / "w.tif", rng.integers(0, 3, (30, 20)), hour=12, side=600.0))
    whole = run(tmp_path, *masks)
    monkeypatch.setattr(pipeline, "_STRIP_PIXELS", 150)
    parts = run(tmp_path, *masks)
    for one, other in zip(whole, parts, strict=True):
        assert (one == other).all()


def test_what_cannot_be_done_leaves_nothing_behind(pair, tmp_path):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OptionError, match="GeoTIFF"):
        composite(pair, tmp_path / "day.png")
    with pytest.raises(OptionError, match="one of the masks"):
        composite(pair, pair[0], overwrite=True)
    with pytest.raises(OutputError, match="exists"):
        composite((pair[0],), pair[1])
    with pytest.raises(OptionError, match="`time` for 2 masks"):
        composite(pair, tmp_path / "day.tif", times=[()])
    with pytest.raises(OutputError, match="no folder"):
        composite(pair, tmp_path / "none" / "day.tif")
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0 and nothing more")
    with pytest.raises(SceneError):
        composite((pair[0], broken), tmp_path / "day.tif")
    assert sorted(tmp_path.iterdir()) == sorted([*before, broken])


PAIRS = ["ne_greenland-20220914", "beaufort_sea-100km-20160305", "hudson_bay-100km-20060513"]


@pytest.mark.parametrize("place", PAIRS)
def test_terra_and_aqua_together_see_more_than_each(real_data, tmp_path, place):
    """Labels are truth where either satellite saw the sea; the masks are those of the shipped model."""
    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.pipeline import predict

    masks, labels = [], []
    for satellite in ("aqua", "terra"):
        masks.append(tmp_path / f"{satellite}.tif")
        name = f"{place}.{satellite}.tif"
        predict(str(real_data / "modis" / "images" / name), masks[-1], options=PredictOptions(any_resolution=True))
        labels.append(real_data / "modis" / "labels" / name)
    day = tmp_path / "day.tif"
    summary = composite(masks, day)
    aqua, terra = (on_grid_of(path, day) for path in labels)
    truth = np.where(terra <= 1, terra, aqua)
    known = truth <= 1
    agreement = [float((on_grid_of(path, day)[known] == truth[known]).mean()) for path in (*masks, day)]
    print(place, summary.hidden, agreement)
    hidden = list(summary.hidden.values())
    assert hidden[-1] <= min(hidden[:-1])
    assert agreement[-1] >= max(agreement[:-1])


def on_grid_of(path, like):
    """Return a raster on the grid of another, by the nearest pixel."""
    with rasterio.open(path) as file, rasterio.open(like) as grid:
        moved = np.full(grid.shape, NODATA, np.uint8)
        settings = {"dst_transform": grid.transform, "dst_crs": grid.crs, "dst_nodata": NODATA}
        reproject(rasterio.band(file, 1), moved, resampling=Resampling.nearest, **settings)
    return moved
