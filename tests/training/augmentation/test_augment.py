"""Augmentation keeps pixels and labels together, is the same for the same seed, and labels what it makes up."""

import pytest
import torch

from seaice_cli.errors import OptionError
from seaice_cli.training.augmentation.augment import AUGMENTATIONS, augment, parse_recipe
from seaice_cli.training.augmentation.inputs import IGNORE, Batch, RandomSource

GEOMETRIC = ("hflip", "vflip", "rot90")
WARPING = ("rotate", "bend")
LOSING = ("cutout", "collar")
COVERING = ("cloud", "cloudmix")


def made(n=6, bands=3, size=32, seed=0):
    """Return a batch whose target is a function of its pixels: 1 where the first band is bright."""
    pixels = torch.rand(n, bands, size, size, generator=torch.Generator().manual_seed(seed))
    return Batch(pixels, (pixels[:, 0] > 0.5).long(), torch.ones(n, size, size, dtype=torch.bool))


def rng(seed=0, cloud=2):
    return RandomSource(torch.Generator().manual_seed(seed), cloud)


def done(name, number=1.0, batch=None, **how):
    return augment(batch or made(), {name: number}, rng(**how))


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_every_augmentation_keeps_shapes_types_and_range(name, bands):
    batch = made(bands=bands)
    found = done(name, 0.5, batch)
    assert found.pixels.shape == batch.pixels.shape
    assert found.pixels.dtype == torch.float32
    assert found.target.dtype == torch.int64
    assert found.pixels.min() >= 0
    assert found.pixels.max() <= 1
    assert found.pixels.isfinite().all()
    assert set(found.target.unique().tolist()) <= {0, 1, 2, IGNORE}


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_seed_gives_the_same_batch_and_another_seed_another(name):
    cloud = 1 if name == "cloudmix" else 2  # there must be some to be laid over another chip
    first, same, other = (done(name, 0.5, seed=seed, cloud=cloud) for seed in (0, 0, 1))
    for field in ("pixels", "target", "valid"):
        assert torch.equal(getattr(first, field), getattr(same, field))
    changed = any(not torch.equal(getattr(first, f), getattr(other, f)) for f in ("pixels", "target", "valid"))
    assert changed or (name == "channel_shuffle" and first.pixels.shape[1] == 1)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_labels_move_with_their_pixels(name):
    found = done(name, 0.5)
    assert torch.equal(found.target, (found.pixels[:, 0] > 0.5).long())
    assert not torch.equal(found.pixels, made().pixels)


def test_flips_are_exact():
    batch = made()
    assert torch.equal(done("hflip", 1.0, batch).pixels, batch.pixels.flip(-1))
    assert torch.equal(done("vflip", 1.0, batch).target, batch.target.flip(-2))
    assert torch.equal(done("rot90", 1.0, batch).pixels, batch.pixels.rot90(1, (-2, -1)))


def half(height=48, width=48, n=16):
    """Return chips that are dark on the left and bright on the right, a class each, without data at the very bottom."""
    bright = (torch.arange(width) >= width // 2).expand(n, height, width)
    valid = torch.ones(n, height, width, dtype=torch.bool)
    valid[:, -4:] = False
    return Batch(0.2 + 0.6 * bright[:, None].float(), bright.long(), valid)


@pytest.mark.parametrize("name", WARPING)
@pytest.mark.parametrize("size", [(48, 48), (32, 64)])
def test_what_warps_moves_labels_and_validity_with_the_pixels(name, size):
    batch = half(*size)
    found = done(name, 1.0, batch)
    changed = (found.pixels != batch.pixels).flatten(1).any(1)
    assert changed.sum() > 2
    apart = (found.pixels[:, 0] - 0.5).abs() > 0.2  # beside the edge pixels lie between the two
    apart &= found.target != IGNORE
    assert torch.equal(found.target[apart], (found.pixels[:, 0] > 0.5).long()[apart])
    assert apart.float().mean() > 0.9
    assert set(found.target.unique().tolist()) == {0, 1, IGNORE}, "ignored is what lies between data and none"
    assert not (found.valid & (found.target == IGNORE)).any()
    assert not torch.equal(found.valid, batch.valid)
    assert 0.7 < found.valid.float().mean() < 1


@pytest.mark.parametrize("name", WARPING)
def test_values_that_stand_for_no_data_are_not_mixed_into_data(name):
    batch = half()
    pixels = batch.pixels.clone()
    pixels[~batch.valid[:, None]] = 0
    found = done(name, 1.0, Batch(pixels, batch.target, batch.valid))
    assert found.pixels[:, 0][found.valid].min() > 0.19


def test_rotation_keeps_distances_in_chips_that_are_not_square():
    batch = half(64, 160)
    dot = torch.zeros(16, 64, 160, dtype=torch.long)
    dot[:, 22:42, 70:90] = 1
    found = done("rotate", 1.0, Batch(batch.pixels, dot, batch.valid))
    around = found.target[:, 14:50, 62:98]  # further out comes the mirror image
    assert ((around == 1).sum((1, 2)) - 400).abs().max() < 30


def test_what_did_not_get_warped_is_left_as_it_was():
    batch = made(n=12)
    found = done("bend", 1.0, batch)
    same = [torch.equal(found.pixels[k], batch.pixels[k]) for k in range(12)]
    assert 0 < sum(same) < 12
    assert torch.equal(found.target[same], batch.target[same])


@pytest.mark.parametrize("name", [n for n in AUGMENTATIONS if n not in (*GEOMETRIC, *WARPING, *LOSING, *COVERING)])
def test_what_changes_the_light_leaves_labels_alone(name):
    batch = made()
    found = done(name, 0.3, batch)
    assert torch.equal(found.target, batch.target)
    assert torch.equal(found.valid, batch.valid)


def test_a_low_sun_darkens_all_bands_of_a_chip_alike():
    batch = made(n=12)
    gain = done("dim", 1.0, batch).pixels.double() / batch.pixels.double().clamp(min=1e-6)
    for chip in gain.flatten(1):
        share = chip.median()
        assert 0.349 < share < 1.106
        assert (chip <= share + 1e-4).all()  # clipped where it would be brighter than the range
    assert gain.flatten(1).median(dim=1).values.std() > 0.1


def test_another_processing_keeps_the_order_of_values_within_a_band_and_changes_bands_apart():
    batch = made(n=12)
    found = done("reprocess", 1.0, batch)
    for before, after in zip(batch.pixels.flatten(0, 1).flatten(1), found.pixels.flatten(0, 1).flatten(1), strict=True):
        assert (after[before.argsort()].diff() >= 0).all()
    change = (found.pixels - batch.pixels).mean((2, 3))
    assert (change.std(dim=1) > 0.01).float().mean() > 0.8


@pytest.mark.parametrize("name", LOSING)
def test_lost_data_is_ignored(name):
    found = done(name, 1.0)
    assert (~found.valid).any()
    assert (found.target[~found.valid] == IGNORE).all()
    assert (found.target[found.valid] != IGNORE).all()


def test_cloud_hides_labels_where_it_changes_pixels():
    batch = made(n=12, size=64)
    found = done("cloud", 1.0, batch)
    clouded = found.target == 2
    assert clouded.any()
    assert (found.target == IGNORE).any()
    kept = (found.target == batch.target) & (found.target < 2)
    change = (found.pixels - batch.pixels).abs().mean(1)
    assert change[clouded].mean() > 2 * change[kept].mean()


def test_cloud_over_classes_without_one_is_ignored():
    found = done("cloud", 1.0, made(n=12, size=64), cloud=None)
    assert set(found.target.unique().tolist()) == {0, 1, IGNORE}


def test_cloud_does_not_bring_ignored_pixels_back():
    batch = made(n=12, size=64)
    blank = Batch(batch.pixels, torch.full_like(batch.target, IGNORE), batch.valid)
    assert (done("cloud", 1.0, blank).target == IGNORE).all()


def test_smooth_takes_the_texture_within_classes_but_not_the_edge_between_them_nor_from_cloud():
    target = torch.zeros(1, 64, 64, dtype=torch.long)
    target[:, :, 32:], target[:, 48:] = 1, 2
    grain = 0.1 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    batch = Batch(
        (0.2 + 0.5 * (target == 1)[:, None] + grain).clamp(0, 1), target, torch.ones_like(target, dtype=torch.bool)
    )
    found = done("smooth", 1.0, batch).pixels[0, 0]
    before = batch.pixels[0, 0]
    for part in (slice(0, 32), slice(32, 64)):
        assert found[:48, part].std() < 0.8 * before[:48, part].std()
    assert found[:48, 32].mean() - found[:48, 31].mean() > 0.4
    assert torch.equal(found[48:], before[48:])


def test_cloudmix_lays_cloud_of_one_chip_over_another_and_nothing_else():
    dark, white = torch.zeros(7, 3, 64, 64), torch.ones(1, 3, 64, 64)
    target = torch.zeros(8, 64, 64, dtype=torch.long)
    target[0, 16:48, 16:48] = 2
    batch = Batch(torch.cat([white, dark]), target, torch.ones(8, 64, 64, dtype=torch.bool))
    found = done("cloudmix", 1.0, batch)
    for covered in range(1, 8):  # every one by the only chip that holds cloud, as bright as it is or a little darker
        assert (found.pixels[covered, 0][found.target[covered] == 2] > 0.85 * 0.65).all()
        assert set(found.target[covered].unique().tolist()) == {0, 2, IGNORE}
        assert (found.pixels[covered, 0][found.target[covered] == 0] < 0.25).all()


def test_cloudmix_covers_the_share_of_chips_that_it_is_told():
    target = torch.zeros(200, 16, 16, dtype=torch.long)
    target[::2, 4:12, 4:12] = 2
    batch = Batch(target[:, None].float() / 2, target, torch.ones(200, 16, 16, dtype=torch.bool))
    found = done("cloudmix", 0.3, batch)
    bare = [n for n in range(200) if (batch.target[n] == 0).all()]
    assert 0.15 < sum((found.target[n] == 2).any().item() for n in bare) / len(bare) < 0.45


@pytest.mark.parametrize("cloud", [None, 2])
def test_cloudmix_needs_a_class_of_cloud_and_some_of_it(cloud):
    batch = made()
    assert torch.equal(done("cloudmix", 1.0, batch, cloud=cloud).pixels, batch.pixels)


def test_a_recipe_is_read_and_an_empty_one_does_nothing():
    assert parse_recipe("hflip:0.5, noise:0.02") == {"hflip": 0.5, "noise": 0.02}
    assert parse_recipe("none") == parse_recipe("") == {}
    batch = made()
    assert torch.equal(augment(batch, {}, rng()).pixels, batch.pixels)


@pytest.mark.parametrize("text", ["spin:1", "hflip", "hflip:often", "hflip:-1", "noise:nan", "noise:1000"])
def test_what_is_no_recipe_is_refused(text):
    with pytest.raises(OptionError, match="augmentation"):
        parse_recipe(text)


def test_noise_grows_with_its_number():
    batch = made()
    small, large = ((done("noise", s, batch).pixels - batch.pixels).abs().mean() for s in (0.01, 0.1))
    assert 3 * small < large
