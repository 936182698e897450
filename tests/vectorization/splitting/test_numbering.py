import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seaice_cli.errors import SceneError
from seaice_cli.vectorization.masks import Mask
from seaice_cli.vectorization.splitting.landscape import Landscape
from seaice_cli.vectorization.splitting.numbering import FloeNumbers, Layout
from tests.vectorization.masks import ICE_TAGS, write_mask
from tests.vectorization.splitting.scenes import draw_floes, same_parts

SMALL = Layout(core=64, halo=96)
WHOLE = Layout(core=1 << 20, halo=128)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("floes")
    brightness, true = draw_floes((420, 160), 70, seed=1)
    mask = write_mask(folder / "mask.tif", (brightness > 85).astype(np.uint8), nodata=255, tags=ICE_TAGS)
    picture = write_mask(folder / "scene.tif", np.clip(brightness, 0, 255).astype(np.uint8))
    return mask, picture, true


def number(scene, heights=(420,), *, layout=SMALL, workers=2, landscape=True):
    """Return the numbers of all rows, read in strips that each begin with the last row of the one before."""
    with Mask(scene[0]) as mask:
        relief = Landscape(scene[1], mask) if landscape else None
        numbers = FloeNumbers(mask, 1, relief, window=32, layout=layout, workers=workers)
        parts, top = [], 0
        while top < mask.height:
            for height in heights:
                stop = min(top + height, mask.height)
                start = max(top - 1, 0)
                parts.append(numbers.read(start, stop)[top - start :].copy())
                top = stop
                if top == mask.height:
                    break
        numbers.close()
        if relief:
            relief.close()
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def expected(scene):
    return {landscape: number(scene, landscape=landscape) for landscape in (True, False)}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=5).filter(lambda h: sum(h) >= 20), st.integers(1, 4), st.booleans()
)  # fmt: skip
def test_floes_do_not_depend_on_strips_and_threads(scene, expected, heights, workers, landscape):
    found = number(scene, heights, workers=workers, landscape=landscape)
    assert np.array_equal(found, expected[landscape])


def test_floes_across_bands_are_one(scene, expected):
    assert same_parts(expected[True], number(scene, layout=WHOLE))


def test_every_floe_has_a_number_of_its_own(scene, expected):
    true, found = scene[2], expected[True]
    owners = [np.bincount(found[true == n]).argmax() for n in range(1, true.max() + 1)]
    assert 0 not in owners
    assert len(set(owners)) == true.max()


@pytest.mark.parametrize(("core", "halo"), [(32, 96), (160, 96), (224, 160)])
def test_the_place_of_bands_does_not_show(scene, core, halo):
    assert same_parts(number(scene, layout=Layout(core=core, halo=halo)), number(scene, layout=WHOLE))


def test_a_layout_keeps_blocks_in_place_and_memory_bounded():
    for width in (100, 3008, 20_000, 200_000):
        for window in (32, 64, 512):
            layout = Layout.of(width, window)
            assert layout.core % window == layout.halo % window == 0
            assert layout.halo >= max(256, 4 * window)
            assert layout.core <= max(2 * layout.halo, (1 << 23) / width)


def test_a_landscape_that_is_cut_short_is_told(scene, tmp_path):
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(scene[1].read_bytes())
    with damaged.open("r+b") as file:
        file.truncate(damaged.stat().st_size // 2)
    with pytest.raises(SceneError, match=r"damaged\.tif"):
        number((scene[0], damaged))
