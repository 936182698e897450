import dataclasses

import numpy as np
import pytest
import rasterio
from sklearn.metrics import jaccard_score

from seaice_cli.errors import DataError
from seaice_cli.evaluation import baselines
from seaice_cli.evaluation.baselines import Threshold, all_ice, fit_threshold, threshold_scores
from seaice_cli.evaluation.criteria import Criteria
from seaice_cli.evaluation.metrics.confusion import Confusion

TWO = Criteria()
CLOUDY = Criteria(classes=("water", "ice", "cloud"), hidden=(2,))


@pytest.fixture
def labelled(write_scene):
    """Return a function that makes a scene of which one band tells ice, with noise, and its reference."""

    def make(name, *, dtype=np.uint8, low=0, high=200, band=1, dark=False, cloud=False, **profile):
        rng = np.random.default_rng(len(name))
        truth = (rng.random((30, 40)) < 0.6).astype(np.uint8)
        middle, spread = (low + high) / 2, (high - low) / 10
        signal = np.where((truth == 1) != dark, middle + 1.2 * spread, middle - 1.2 * spread) + rng.normal(
            0, spread, truth.shape
        )
        pixels = rng.uniform(low, high, (3, 30, 40))
        pixels[band] = np.clip(signal, low, high)
        if cloud:
            truth[:8] = 2
            pixels[band, :8] = high
        truth[-2:] = 255
        image = write_scene(pixels.astype(dtype), f"{name}.tif", **profile)
        return image, write_scene(truth[None], f"{name}-truth.tif", nodata=255)

    return make


def brute(pixels, truth):
    """Return the best mean IoU over all bands, values and directions."""
    best = 0.0
    for band in pixels:
        for value in np.unique(band):
            for ice in (band >= value, band < value):
                ious = [(truth & ice).sum() / (truth | ice).sum(), (~truth & ~ice).sum() / (~truth | ~ice).sum()]
                best = max(best, np.mean(ious))
    return best


def pixels_of(image, label):
    with rasterio.open(image) as a, rasterio.open(label) as b:
        truth = b.read(1)
        known = truth != 255
        return a.read()[:, known], truth[known]


@pytest.mark.parametrize("dark", [False, True])
def test_no_threshold_on_any_band_does_better(labelled, dark):
    scene = labelled("a", dark=dark)
    fitted = fit_threshold([scene], TWO)
    assert fitted.band == 2
    assert fitted.above is not dark
    pixels, truth = pixels_of(*scene)
    scored = threshold_scores(fitted, [scene], TWO)
    assert scored["ice_miou"] == pytest.approx(brute(pixels, truth == 1))
    assert scored["ice_miou"] == pytest.approx(jaccard_score(truth, fitted.ice(pixels[:, None])[0], average="macro"))


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(np.uint16, 1000, 12_000), (np.int16, -3000, -100), (np.float32, 0.0, 0.4), (np.float32, -30.0, 0.0)],
)
def test_every_type_of_values_is_told_apart(labelled, dtype, low, high):
    scene = labelled("abc", dtype=dtype, low=low, high=high)
    pixels, truth = pixels_of(*scene)
    assert threshold_scores(fit_threshold([scene], TWO), [scene], TWO)["ice_miou"] == pytest.approx(
        brute(pixels, truth == 1), abs=2e-3
    )


def test_pixels_without_data_teach_and_count_nothing(labelled):
    scene = labelled("abcd", dtype=np.float32, low=0.0, high=1.0)
    with rasterio.open(scene[0], "r+") as dataset:
        pixels = dataset.read()
        pixels[:, 3:9, :] = np.nan
        dataset.write(pixels)
    fitted = fit_threshold([scene], TWO)
    assert 0.3 < fitted.value < 0.7
    values, truth = pixels_of(*scene)
    seen = ~np.isnan(values[0])
    expected = jaccard_score(truth[seen], fitted.ice(values[:, None, seen])[0], average="macro")
    assert threshold_scores(fitted, [scene], TWO)["ice_miou"] == pytest.approx(expected)


def test_a_threshold_for_clear_sky_does_not_look_at_cloud(labelled, write_scene):
    image, label = labelled("abcde", cloud=True)
    clear, everything = (fit_threshold([(image, label)], CLOUDY, clear=c) for c in (True, False))
    with rasterio.open(label) as dataset:
        known = np.where(dataset.read() == 2, 255, dataset.read())
    assert clear == fit_threshold([(image, write_scene(known, "clear.tif", nodata=255))], CLOUDY)
    assert clear != everything
    found = baselines.baselines([(image, label)], [(image, label)], Confusion(np.eye(3)), CLOUDY)
    assert list(found) == ["all ice", f"threshold ({everything})", f"clear-sky threshold ({clear})"]


def test_all_ice_is_right_as_often_as_there_is_ice():
    scored = all_ice(Confusion(np.array([[5.0, 3, 0], [10, 20, 2], [7, 1, 2]])), CLOUDY)
    assert scored["ice_oa"] == pytest.approx(32 / 50)
    assert scored["ice_miou"] == pytest.approx((32 / 50 + 0) / 2)
    assert scored["clear_oa"] == pytest.approx(32 / 40)


def test_without_training_scenes_there_is_only_all_ice(labelled):
    assert list(baselines.baselines([], [labelled("a")], Confusion(np.eye(2)), TWO)) == ["all ice"]


def test_nothing_to_learn_from_is_an_error(labelled, write_scene):
    image, _ = labelled("a")
    only_ice = write_scene(np.ones((1, 30, 40), np.uint8), "ice.tif")
    for scenes in ([(image, only_ice)], []):
        with pytest.raises(DataError, match="with ice and with something else"):
            fit_threshold(scenes, TWO)


def test_scenes_with_other_bands_are_refused(labelled, write_scene):
    image, label = labelled("a")
    grey = write_scene(np.zeros((1, 30, 40), np.uint8), "grey.tif")
    with pytest.raises(DataError, match="have 3 and 1 bands"):
        fit_threshold([(image, label), (grey, label)], TWO)
    with pytest.raises(DataError, match="fitted on band 2, a scene has 1 bands"):
        threshold_scores(Threshold(2, 5, above=True), [(grey, label)], TWO)


def test_the_real_red_band_reaches_what_is_known_of_it(real_data):
    from seaice_cli.data.samples import read_samples

    training = [(s.image, s.label) for s in read_samples(real_data / "modis" / "train.csv")]
    scored = threshold_scores(fit_threshold(training, CLOUDY, clear=True), training, CLOUDY)
    assert 0.93 < scored["clear_miou"] < 0.97


def test_a_threshold_says_what_it_does():
    assert str(Threshold(1, 75, above=True)) == "band 1 >= 75"
    assert str(dataclasses.replace(Threshold(3, 0.25, above=True), above=False)) == "band 3 < 0.25"
