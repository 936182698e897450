import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from skimage.morphology import dilation, erosion

from seaice_cli.errors import OptionError
from seaice_cli.evaluation.metrics.boundaries import (
    BoundaryAccumulator,
    Distance,
    Tolerance,
    compare_boundaries,
    touches,
)

rngs = st.integers(0, 2**31).map(np.random.default_rng)


def whole(truth, predicted, *tolerances, classes=2):
    return compare_boundaries(truth, predicted, slice(0, len(truth)), classes=classes, tolerances=tolerances)


def square(top, left, size=10, shape=(40, 40)):
    mask = np.zeros(shape, np.uint8)
    mask[top : top + size, left : left + size] = 1
    return mask


def blobs(rng, shape=(48, 40)):
    """Return islands of 0 and 1 in an unknown sea or not, rough as masks are."""
    coarse = rng.random((shape[0] // 8, shape[1] // 8)) < 0.5
    mask = np.kron(coarse, np.ones((8, 8), int)).astype(np.uint8)
    flips = rng.random(shape) < 0.03
    return np.where(flips, 1 - mask, mask).astype(np.uint8)


def test_a_square_moved_by_one_pixel():
    sums = whole(square(10, 10), square(10, 11), Tolerance(1, (1, 1)), Tolerance(0.5, (1, 1)))
    # A square of 10 has 36 boundary pixels; moved by one it shares 18 of the two long sides with the other.
    assert sums.true[0, 1] == sums.predicted[0, 1] == 36
    assert sums.f()[0, 1] == 1
    assert sums.true_near[1, 1] == 18
    assert sums.f()[1, 1] == pytest.approx(18 / 36)
    # The bands of width 1 are the boundaries themselves.
    assert sums.iou()[1, 1] == pytest.approx(18 / (2 * 36 - 18))


@settings(max_examples=25)
@given(rngs, st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.3]))
def test_boundary_f_is_that_of_all_pairs_of_boundary_pixels(rng, distance):
    truth, predicted = blobs(rng), blobs(rng)
    sums = whole(truth, predicted, Tolerance(distance, (1.0, 2.0)))
    for c in (0, 1):
        lines = [np.argwhere((m == c) & touches(m != c)) * (1.0, 2.0) for m in (truth, predicted)]
        if not len(lines[0]) or not len(lines[1]):
            continue
        apart = cdist(*lines)
        recall, precision = (apart.min(axis=1) <= distance).mean(), (apart.min(axis=0) <= distance).mean()
        expected = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert sums.f()[0, c] == pytest.approx(expected)


@settings(max_examples=25)
@given(rngs, st.integers(1, 5))
def test_boundary_iou_is_that_of_repeated_erosion(rng, distance):
    truth, predicted = blobs(rng), blobs(rng)
    sums = whole(truth, predicted, Tolerance(distance, (1, 1)))
    for c in (0, 1):
        # Beyond the frame is unknown, so it must not erode: the masks are continued there.
        bands = []
        for mask in (truth, predicted):
            eroded = np.pad((mask == c).astype(np.uint8), distance, constant_values=1)
            for _ in range(distance):
                eroded = erosion(eroded, np.ones((3, 3)))
            inner = eroded[distance:-distance, distance:-distance]
            bands.append((mask == c) & (inner == 0))
        union = (bands[0] | bands[1]).sum()
        assert sums.joint[0, c] == union
        assert sums.shared[0, c] == (bands[0] & bands[1]).sum()


@settings(max_examples=15)
@given(rngs, st.integers(1, 47))
def test_strips_with_their_context_add_up_to_the_whole(rng, cut):
    truth, predicted = blobs(rng), blobs(rng)
    truth[rng.random(truth.shape) < 0.05] = 255
    tolerances = Tolerance(2, (1, 1)), Tolerance(700, (250, 300))
    halo = max(r.rows for r in tolerances)
    total = BoundaryAccumulator.empty(2, 2)
    for top, bottom in ((0, cut), (cut, 48)):
        first, last = max(0, top - halo), min(48, bottom + halo)
        core = slice(top - first, bottom - first)
        total += compare_boundaries(truth[first:last], predicted[first:last], core, classes=2, tolerances=tolerances)
    expected = whole(truth, predicted, *tolerances)
    for name in ("predicted", "predicted_near", "true", "true_near", "shared", "joint"):
        np.testing.assert_array_equal(getattr(total, name), getattr(expected, name))


def test_the_frame_and_unknown_pixels_are_nobodys_boundary():
    ice = np.ones((20, 20), np.uint8)
    ice[:, :5] = 255
    sums = whole(ice, ice, Tolerance(2, (1, 1)))
    assert not sums.true.any()
    assert np.isnan(sums.f()).all()
    assert np.isnan(sums.iou()).all()


def test_a_boundary_that_nobody_found_scores_zero():
    sums = whole(square(10, 10), np.zeros((40, 40), np.uint8), Tolerance(2, (1, 1)))
    assert sums.f()[0, 1] == 0
    assert sums.iou()[0, 1] == 0


def test_a_distance_in_metres_knows_the_size_of_pixels_in_both_directions():
    tolerance = Distance.parse("600m").tolerance((100, 100), (250.0, 500.0))
    assert tolerance == Tolerance(600, (250, 500))
    assert tolerance.window == (2 * 2 + 1, 2 * 1 + 1)
    assert tolerance.rows == 4
    wide = whole(square(10, 10), square(12, 10), tolerance)
    far = whole(square(10, 10), square(10, 12), tolerance)
    assert wide.f()[0, 1] == 1
    assert far.f()[0, 1] < 1


def test_a_share_of_the_diagonal_is_rounded_up_to_pixels():
    assert Distance.parse("2%").tolerance((300, 400), None) == Tolerance(10, (1, 1))
    assert Distance.parse("0.1%").tolerance((300, 400), None) == Tolerance(1, (1, 1))


@pytest.mark.parametrize("text", ["3px", "500m", "0.5%"])
def test_a_distance_is_written_as_it_is_read(text):
    assert str(Distance.parse(text)) == text


@pytest.mark.parametrize("text", ["", "3", "px", "-1px", "0m", "nanpx", "inf%", "3 km"])
def test_what_is_no_distance_is_refused(text):
    with pytest.raises(OptionError, match="is no distance"):
        Distance.parse(text)


def test_metres_without_a_crs_are_refused():
    with pytest.raises(OptionError, match="needs masks with a CRS"):
        Distance.parse("500m").tolerance((10, 10), None)


@given(rngs)
def test_beside_is_dilation_by_a_cross_less_the_middle(rng):
    mask = rng.random((9, 13)) < 0.3
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(touches(mask), dilation(np.pad(mask, 1).astype(np.uint8), cross)[1:-1, 1:-1] > 0)
