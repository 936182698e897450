import numpy as np
import pytest
import rasterio
from affine import Affine

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.vectorization.masks import Mask
from seaice_cli.vectorization.options import VectorOptions
from seaice_cli.vectorization.splitting.landscape import Landscape, find_floes
from seaice_cli.vectorization.splitting.watershed import INSIDE, number_floes
from tests.vectorization.masks import write_mask
from tests.vectorization.splitting.scenes import BRASH, GREY, WATER, draw_floes

PLACE = Affine(250, 0, 1000, 0, -250, 9000)


def find(brightness, *, window=64, ice=None):
    brightness = np.asarray(brightness, np.float32)
    ice = brightness > (BRASH + WATER) / 2 if ice is None else ice
    return find_floes(brightness, np.ones(brightness.shape, bool), ice, window=window)


def recall(found, true):
    """Return the share of true floes that one found floe covers with an IoU of a half or more."""
    hits = 0
    for number in range(1, true.max() + 1):
        mine = true == number
        best = np.bincount(found[mine]).argmax() if found[mine].any() else 0
        other = found == best
        hits += bool(best) and (mine & other).sum() >= 0.5 * (mine | other).sum()
    return hits / true.max()


def test_floes_in_brash_are_found_where_the_mask_has_one_sheet():
    brightness, true = draw_floes((260, 300), 60)
    found = find(brightness)
    assert recall(found, true) == 1
    assert recall(number_floes(np.where(brightness > 85, INSIDE, 1)), true) < 0.2


@pytest.mark.parametrize("change", [lambda b: 0.4 * b, lambda b: 0.6 * b + 60, lambda b: b / 255])
def test_light_and_units_do_not_matter(change):
    brightness, true = draw_floes((200, 200), 25, seed=3)
    found = find(change(brightness), ice=brightness > 85)
    assert recall(found, true) == 1


def test_light_may_fall_off_over_the_scene():
    brightness, true = draw_floes((200, 400), 50, seed=4)
    falling = brightness * np.linspace(1, 0.55, 400)
    assert recall(find(falling, ice=brightness > 85), true) > 0.9


def test_a_dark_floe_is_found_beside_bright_ones():
    brightness, _ = draw_floes((200, 200), 12, seed=5)
    y, x = np.mgrid[:200, :200]
    grey = np.hypot(y - 100, x - 110) < 24
    rim = np.hypot(y - 100, x - 110) < 28
    brightness[rim & ~grey], brightness[grey] = 60, GREY
    found = find(brightness, ice=np.ones(grey.shape, bool))
    numbers = np.unique(found[grey])
    assert len(numbers[numbers > 0]) == 1
    assert (found[grey] > 0).mean() > 0.9


def test_ponds_and_specks_part_no_floe_and_are_of_none_where_the_mask_says_water():
    brightness = np.full((128, 128), float(BRASH))
    brightness[:, :10] = WATER
    brightness[30:100, 30:100] = 200
    brightness[64:66, 30:100:3] = WATER
    found = find(brightness)
    assert len(np.unique(found[brightness == 200])) == 1
    assert (found[brightness == 200] > 0).all()
    assert not found[brightness == WATER].any()


def test_no_ice_gives_no_floes():
    assert not find(np.full((70, 50), 20.0), ice=np.zeros((70, 50), bool)).any()


def test_what_is_unknown_is_of_no_floe():
    brightness, _ = draw_floes((100, 100), 6)
    known = np.ones(brightness.shape, bool)
    known[40:60] = False
    found = find_floes(brightness.astype(np.float32), known, brightness > 85, window=32)
    assert found.any()
    assert not found[40:60].any()


def write_scene(path, bands, transform=PLACE, **profile):
    bands = np.asarray(bands)
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2], dtype=bands.dtype,
        transform=transform, crs="EPSG:3413", **profile,
    ) as target:  # fmt: skip
        target.write(bands)
    return path


def open_landscape(tmp_path, scene, shape=(20, 30), transform=PLACE, **options):
    mask = write_mask(tmp_path / "mask.tif", np.ones(shape, np.uint8), transform=transform)
    with Mask(mask) as opened:
        return Landscape(scene, opened, **options)


def test_bands_are_averaged_and_nodata_is_known(tmp_path):
    bands = np.stack([np.full((20, 30), v, np.uint8) for v in (10, 20, 60)])
    bands[:, 3, 4] = 0
    scene = write_scene(tmp_path / "scene.tif", bands, nodata=0)
    landscape = open_landscape(tmp_path, scene)
    brightness, known = landscape.read(2, 7)
    assert brightness.shape == (5, 30)
    assert brightness[0, 0] == 30
    assert not known[1, 4]
    assert known.sum() == 149
    assert open_landscape(tmp_path, scene, bands=(3,)).read(0, 1)[0][0, 0] == 60


def test_the_mask_of_a_part_lies_in_the_whole_scene(tmp_path):
    values = np.arange(40 * 50, dtype=np.uint16).reshape(1, 40, 50) + 1
    scene = write_scene(tmp_path / "scene.tif", values)
    landscape = open_landscape(tmp_path, scene, transform=PLACE @ Affine.translation(7, 11))
    assert np.array_equal(landscape.read(5, 20)[0], values[0, 16:31, 7:37])


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (PLACE @ Affine.translation(0.5, 0), "pixels are not those of mask.tif"),
        (PLACE @ Affine.scale(2), "pixels are not those of mask.tif"),
        (PLACE @ Affine.translation(-1, 0), "do not hold mask.tif"),
        (PLACE @ Affine.translation(0, 5), "do not hold mask.tif"),
    ],
)
def test_another_grid_is_refused(tmp_path, transform, text):
    scene = write_scene(tmp_path / "scene.tif", np.ones((1, 20, 30), np.uint8))
    with pytest.raises(OptionError, match=text):
        open_landscape(tmp_path, scene, transform=transform)


def test_bad_landscapes_are_refused(tmp_path):
    scene = write_scene(tmp_path / "scene.tif", np.ones((1, 20, 30), np.uint8))
    with pytest.raises(OptionError, match="has no band 2"):
        open_landscape(tmp_path, scene, bands=(2,))
    with pytest.raises(SceneError, match="no such file"):
        open_landscape(tmp_path, tmp_path / "none.tif")
    for window in (0, 16, 70):
        with pytest.raises(OptionError, match="`floe_window`"):
            VectorOptions(floe_window=window)
    assert VectorOptions(floe_window=96).floe_window == 96


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("overpass", ["aqua", "terra"])
def test_floes_that_people_have_outlined_are_found(real_data, overpass):
    name = f"063-beaufort_sea-100km-20070711.{overpass}.png"
    with rasterio.open(real_data / "modis_floes/images" / name) as source:
        scene = source.read()[:3].astype(np.float32)
    with rasterio.open(real_data / "modis_floes/floes" / name) as source:
        true = source.read(1).astype(int)
    found = find(scene.mean(axis=0), ice=scene[0] >= 110)
    assert recall(found, true) >= 0.9
    assert recall(number_floes(np.where(scene[0] >= 110, INSIDE, 1)), true) < 0.3
