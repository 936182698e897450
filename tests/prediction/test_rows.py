"""Pieces become classes, in NumPy and on the device of an engine alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from seaice_cli.prediction.parts.rows import SURE, Choice, Rows
from seaice_cli.raster.reading.region import LAND, NODATA, UNSURE
from seaice_cli.raster.windows.grid import Chip

torch = pytest.importorskip("torch")
choices = st.builds(
    Choice,
    ice=st.integers(0, 2),
    threshold=st.none() | st.sampled_from([0.3, 0.5]),
    abstain=st.none() | st.sampled_from([0.4, 0.6]),
)


def pieces(seed):
    """Return probabilities of three classes, (3, 40, 70), in steps of a tenth, so that there are ties, cut in four; one is empty."""
    rng = np.random.default_rng(seed)
    whole = rng.multinomial(10, [1 / 3] * 3, (40, 70)).transpose(2, 0, 1).astype(np.float32) / 10
    excluded = rng.choice(np.array([0, 0, NODATA, LAND], np.uint8), (40, 70))
    excluded[20:, 30:] = NODATA
    for top, left in ((20, 30), (0, 0), (0, 30), (20, 0)):
        at = slice(top, top + 20), slice(left, left + 30 if left == 0 else 70)
        pixels = None if (top, left) == (20, 30) else whole[:, *at]
        yield Chip(Window(left, top, at[1].stop - left, 20), pixels, excluded[at]), at, whole, excluded


def filled(seed, choice, kind, *, with_probability=True):
    rows = Rows((40, 70), choice, with_probability=with_probability)
    for piece, at, _, _ in pieces(seed):
        pixels = None if piece.pixels is None else kind(piece.pixels)
        rows.put(Chip(piece.window, pixels, piece.excluded), at)
    return rows.take()


def expected(seed, choice):
    *_, (_, _, whole, excluded) = pieces(seed)
    held = whole.copy()
    if choice.threshold is not None:
        held[choice.ice] = -1
    classes = held.argmax(0).astype(np.uint8)
    if choice.threshold is not None:
        classes[whole[choice.ice] >= np.float32(choice.threshold)] = choice.ice
    if choice.abstain is not None:
        classes[whole.max(0) < np.float32(choice.abstain)] = UNSURE
    uncertain = int(((whole.max(0) < np.float32(SURE)) & (excluded == 0)).sum())
    per_cent = np.where(excluded == 0, np.floor(whole[choice.ice] * np.float32(100) + np.float32(0.5)), NODATA)
    return np.where(excluded == 0, classes, excluded), per_cent.astype(np.uint8), uncertain


@settings(max_examples=60)
@given(st.integers(0, 99), choices)
def test_arrays_and_tensors_give_what_the_definition_says(seed, choice):
    classes, per_cent, uncertain = expected(seed, choice)
    for kind in (np.asarray, torch.tensor):
        found = filled(seed, choice, kind)
        np.testing.assert_array_equal(found[0], classes)
        np.testing.assert_array_equal(found[1], per_cent)
        assert found[2] == uncertain


def test_what_is_not_wanted_is_not_kept():
    assert filled(0, Choice(1), torch.tensor, with_probability=False)[1] is None


def test_a_device_is_not_waited_for_before_the_rows_are_taken(monkeypatch):
    """Whatever brings numbers back from a device waits for it: nothing may, until all pieces of the rows were put."""
    waited = []
    for name in ("cpu", "item", "__int__", "__bool__", "numpy", "tolist"):
        plain = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda *a, _plain=plain, _name=name: waited.append(_name) or _plain(*a))
    rows = Rows((40, 70), Choice(1, abstain=0.4), with_probability=True)
    for piece, at, _, _ in pieces(0):
        rows.put(Chip(piece.window, None if piece.pixels is None else torch.tensor(piece.pixels)), at)
    assert waited == []
    rows.take()
    assert waited.count("cpu") == 2, "classes and per cent come back once each"
