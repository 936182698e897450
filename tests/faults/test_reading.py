"""Scenes that are damaged, missing in parts, far away or changing: an error in one line, or what was asked for; never a wrong mask."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import rasterio

from tests.faults.conftest import contents, speckle, summary, write_scene
from tests.faults.server import Misbehaving

HEIGHT, WIDTH, BLOCK = 520, 430, 128


def blocks_of(path):
    """Return (row, column, offset, size) of every block of a pixel-interleaved GeoTIFF."""
    with rasterio.open(path) as file:
        columns, rows = -(-file.width // BLOCK), -(-file.height // BLOCK)
        places = [(r, c) for r in range(rows) for c in range(columns)]
        tag = lambda name, r, c: int(file.get_tag_item(f"BLOCK_{name}_{c}_{r}", "TIFF", bidx=1))  # noqa: E731
        return [(r, c, tag("OFFSET", r, c), tag("SIZE", r, c)) for r, c in places]


def damage(path, wanted):
    """Overwrite the content of some blocks, (row, column)."""
    content = bytearray(path.read_bytes())
    for row, column, offset, size in blocks_of(path):
        if (row, column) in wanted:
            content[offset + 2 : offset + size] = b"\x55" * (size - 2)
    path.write_bytes(bytes(content))


def read_mask(out):
    with rasterio.open(out / "mask.tif") as mask:
        return mask.read(1)


@pytest.fixture
def damaged(work, tmp_path):
    """Return a scene with three damaged blocks, one of them where the values are sampled."""
    scene = write_scene(tmp_path / "damaged.tif", speckle(HEIGHT, WIDTH), interleave="pixel")
    damage(scene, {(0, 0), (2, 1), (2, 2)})
    return scene


def predict(work, scene, out, *options, **limits):
    out.mkdir(exist_ok=True)
    command = ("predict", scene, "-o", out / "mask.tif", "--model", work.model, "--json", *options)
    return work.forkserver.seaice(*command, **limits)


def refused(outcome, *words):
    """Assert one clear line and exit code 1."""
    assert outcome.code == 1, outcome
    assert len(outcome.errors) == 1, outcome.err
    assert outcome.errors[0].startswith("Error: ")
    for word in words:
        assert word in outcome.errors[0]
    return True


def test_damaged_blocks_end_the_run_and_leave_nothing(work, damaged, tmp_path):
    out = tmp_path / "out"
    assert refused(predict(work, damaged, out), str(damaged), "damaged", "--on-bad-block")
    assert contents(out) == {}


def test_damaged_blocks_become_nodata_when_asked_and_nothing_else_does(work, damaged, tmp_path):
    outcome = predict(
        work, damaged, tmp_path / "out", "--on-bad-block", "nodata", "--preview", tmp_path / "quicklook.png"
    )
    assert outcome.code == 0, outcome.err
    assert "3 blocks cannot be read" in outcome.out + outcome.err
    expected = np.ones((HEIGHT, WIDTH), bool)
    for row, column in ((0, 0), (2, 1), (2, 2)):
        expected[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] = False
    np.testing.assert_array_equal(read_mask(tmp_path / "out") != 255, expected)
    assert (tmp_path / "quicklook.png").stat().st_size > 0


def test_a_damaged_band_or_mask_makes_the_whole_pixel_nodata(work, tmp_path):
    scene = write_scene(tmp_path / "bands.tif", speckle(HEIGHT, WIDTH), interleave="band")
    with rasterio.open(scene) as file:
        offset = int(file.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=2))
        size = int(file.get_tag_item("BLOCK_SIZE_1_1", "TIFF", bidx=2))
    content = bytearray(scene.read_bytes())
    content[offset + 2 : offset + size] = b"\x55" * (size - 2)
    scene.write_bytes(bytes(content))
    outcome = predict(work, scene, tmp_path / "out", "--on-bad-block", "nodata")
    assert outcome.code == 0, outcome.err
    expected = np.ones((HEIGHT, WIDTH), bool)
    expected[BLOCK : 2 * BLOCK, BLOCK : 2 * BLOCK] = False
    np.testing.assert_array_equal(read_mask(tmp_path / "out") != 255, expected)


def test_undamaged_scenes_give_the_same_mask_either_way(work, tmp_path):
    for name, options in (("fail", ()), ("nodata", ("--on-bad-block", "nodata"))):
        assert predict(work, work.scene, tmp_path / name, *options).code == 0
    np.testing.assert_array_equal(read_mask(tmp_path / "fail"), read_mask(tmp_path / "nodata"))


def slow(*values):
    return [
        pytest.param(*v, marks=pytest.mark.slow) if isinstance(v, tuple) else pytest.param(v, marks=pytest.mark.slow)
        for v in values
    ]


@pytest.mark.parametrize("compress", ["deflate", "jpeg", *slow("lzw", "zstd", "packbits", "webp", None)])
def test_a_truncated_scene_is_never_a_mask(work, tmp_path, compress):
    """Cut off at ten places, of which the first fall into the header."""
    lossless = {"webp_lossless": True} if compress == "webp" else {}
    scene = write_scene(
        tmp_path / "whole.tif", speckle(HEIGHT, WIDTH), compress=compress, interleave="pixel", **lossless
    )
    assert predict(work, scene, tmp_path / "whole").code == 0
    size = scene.stat().st_size
    for number, share in enumerate((0.0, 0.0001, 0.001, 0.01, 0.1, 0.4, 0.7, 0.9, 0.99, 0.9999)):
        short = tmp_path / "short.tif"
        short.write_bytes(scene.read_bytes()[: int(size * share)])
        out = tmp_path / str(number)
        assert refused(predict(work, short, out)), share
        assert contents(out) == {}


@pytest.mark.parametrize("compress", ["deflate", "lzw", "zstd", "jpeg"])
def test_damage_in_a_compressed_block_is_told_or_harmless(work, tmp_path, compress):
    """What GDAL can decode without an error is data; what it cannot is never silently zero."""
    scene = write_scene(tmp_path / "whole.tif", speckle(HEIGHT, WIDTH), compress=compress, interleave="pixel")
    damage(scene, {(1, 1)})
    outcome = predict(work, scene, tmp_path / "out")
    if compress == "lzw" and outcome.code == 0:
        pytest.skip("LZW has no checksum: these bytes are valid codes")
    assert refused(outcome)


def vrt_of(path, *names):
    sources = "".join(
        f'<SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename><SourceBand>{{band}}</SourceBand></SimpleSource>'
        for name in names
    )
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{b}">{sources.format(band=b)}</VRTRasterBand>' for b in (1, 2, 3)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}"><SRS>EPSG:3413</SRS>'
        f"<GeoTransform>-1e6, 250, 0, 5e5, 0, -250</GeoTransform>{bands}</VRTDataset>"
    )
    return path


def test_a_vrt_that_lacks_a_file_is_refused_even_the_third_time(work, tmp_path):
    """GDAL itself fails twice, and then reads zeros."""
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for number in range(4):
        vrt_of(scenes / f"{number}.vrt", "gone.tif")
    shutil.copy(work.scene, scenes / "whole.tif")
    out = tmp_path / "masks"
    command = ("predict", scenes, "-o", out, "--model", work.model)
    outcome = work.forkserver.seaice(*command)
    assert outcome.code == 1
    assert [p.name for p in sorted(out.glob("*.tif"))] == ["whole.tif"]
    assert outcome.err.count("gone.tif', which does not exist") == 4


def test_a_vrt_over_a_file_that_is_no_raster_is_refused(work, tmp_path):
    (tmp_path / "junk.tif").write_bytes(b"II*\0 junk")
    for number in range(4):
        scene = vrt_of(tmp_path / f"{number}.vrt", "junk.tif")
        assert refused(predict(work, scene, tmp_path / "out"), "no raster that can be opened")


def test_a_whole_vrt_gives_the_mask_of_its_file(work, tmp_path):
    shutil.copy(work.scene, tmp_path / "scene.tif")
    inner = vrt_of(tmp_path / "inner.vrt", "scene.tif")
    outer = vrt_of(tmp_path / "outer.vrt", inner.name)
    assert predict(work, outer, tmp_path / "by_vrt", "--overwrite").code == 0
    assert predict(work, work.scene, tmp_path / "plain").code == 0
    np.testing.assert_array_equal(read_mask(tmp_path / "by_vrt"), read_mask(tmp_path / "plain"))


def test_eight_scenes_of_which_two_are_broken_give_six_masks(work, tmp_path):
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    for number in range(8):
        write_scene(scenes / f"{number}.tif", speckle(200, 210, seed=number), interleave="pixel")
    damage(scenes / "3.tif", {(1, 1)})
    (scenes / "6.tif").write_bytes((scenes / "6.tif").read_bytes()[:100])
    outcome = work.forkserver.seaice("predict", scenes, "-o", tmp_path / "masks", "--model", work.model)
    assert outcome.code == 1
    assert sorted(contents(tmp_path / "masks")) == sorted(
        name for n in (0, 1, 2, 4, 5, 7) for name in (f"{n}.tif", f"{n}.tif.aux.xml", f"{n}.qml")
    )
    told = [line for line in outcome.errors if line.startswith("Error: ")]
    assert len(told) == 2
    assert "3.tif" in told[0]
    assert "6.tif" in told[1]


def test_a_scene_that_changes_while_it_is_read_is_refused(work, tmp_path):
    scene = write_scene(tmp_path / "scene.tif", speckle(HEIGHT, WIDTH))
    outcome = work.forkserver.run(
        "tests.faults.injection:touching",
        path=str(scene),
        at=12,
        command=["predict", str(scene), "-o", str(tmp_path / "mask.tif"), "--model", str(work.model)],
    )
    assert refused(outcome, "has changed while it was read")
    assert not (tmp_path / "mask.tif").exists()
    again = work.forkserver.seaice("predict", scene, "-o", tmp_path / "mask.tif", "--model", work.model)
    assert again.code == 0
    assert "scene.files" in again.err


PATIENT = {
    "GDAL_HTTP_TIMEOUT": "2",
    "GDAL_HTTP_CONNECTTIMEOUT": "2",
    "GDAL_HTTP_MAX_RETRY": "1",
    "GDAL_HTTP_RETRY_DELAY": "0.1",
}


def fetch(work, server, out, *options):
    return work.forkserver.run(
        "tests.faults.injection:remotely",
        environment=PATIENT,
        command=[
            "predict",
            f"/vsicurl/{server.url}",
            "-o",
            f"{out}/mask.tif",
            "--model",
            str(work.model),
            "--json",
            *options,
        ],
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A scene of several requests, so that a fault can come in the middle."""
    pixels = np.random.default_rng(3).integers(0, 256, (3, 700, 900), dtype=np.uint8)
    return write_scene(tmp_path_factory.mktemp("remote") / "scene.tif", pixels, compress=None).read_bytes()


@pytest.fixture(scope="module")
def usual(work, large, tmp_path_factory):
    """Seconds that the same run takes where the server answers."""
    with Misbehaving(large) as server:
        outcome = fetch(work, server, tmp_path_factory.mktemp("usual"))
    assert outcome.code == 0, outcome.err
    return outcome.seconds


def test_a_remote_scene_gives_the_mask_of_the_file(work, large, tmp_path):
    (tmp_path / "local.tif").write_bytes(large)
    (tmp_path / "far").mkdir()
    with Misbehaving(large) as server:
        outcome = fetch(work, server, tmp_path / "far")
    assert outcome.code == 0, outcome.err
    assert predict(work, tmp_path / "local.tif", tmp_path / "near").code == 0
    np.testing.assert_array_equal(read_mask(tmp_path / "far"), read_mask(tmp_path / "near"))


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        ("500", 3),
        ("403", 0),
        ("hang", 0),
        ("drop", 3),
        *slow(("500", 0), ("403", 3), ("404", 0), ("404", 3), ("hang", 3), ("drop", 0), ("short", 0), ("short", 3)),
    ],
)
def test_a_server_that_fails_ends_the_run_in_one_line(work, large, usual, tmp_path, fault, after):
    with Misbehaving(large, fault=fault, after=after) as server:
        outcome = fetch(work, server, tmp_path)
    assert refused(outcome), outcome
    assert outcome.seconds < 30 + 10 * usual, (
        "the waits of GDAL are bounded; the rest depends on who else uses the machine"
    )
    assert contents(tmp_path) == {}


def test_a_remote_scene_that_changes_while_it_is_read_is_refused(work, large, tmp_path):
    other = bytearray(large)
    other[-400_000:] = bytes(400_000)
    for after in (2, 4):
        with Misbehaving(large, fault="change", after=after, other=bytes(other)) as server:
            outcome = fetch(work, server, tmp_path)
        assert refused(outcome, "changed while it was read")
        assert not (tmp_path / "mask.tif").exists()


def test_parts_of_a_remote_scene_that_has_changed_are_discarded(work, large, tmp_path):
    other = bytearray(large)
    other[-400_000:] = bytes(400_000)
    with Misbehaving(large) as server:
        assert (
            work.forkserver.run(
                "tests.faults.injection:remotely",
                environment=PATIENT,
                plan={"at": 40, "do": "SIGKILL", "patches": [("seaice_cli.prediction.job:WINDOWS_PER_PART", 8)]},
                command=["predict", f"/vsicurl/{server.url}", "-o", f"{tmp_path}/mask.tif", "--model", str(work.model)],
            ).code
            == -9
        )
        server.content = bytes(other)
        outcome = fetch(work, server, tmp_path)
    assert outcome.code == 0, outcome.err
    assert "scene.files" in outcome.err
    assert summary(outcome)["windows_run"] == summary(outcome)["windows"]


def test_a_far_block_is_never_taken_for_a_damaged_one(work, large, tmp_path):
    with Misbehaving(large) as server:
        assert refused(fetch(work, server, tmp_path, "--on-bad-block", "nodata"), "needs the file itself")


NETWORKS = (
    "/vsicurl/{url}", "{url}", "/vsicurl_streaming/{url}", "/vsizip//vsicurl/{url}", "/vsi&#99;url/{url}",
    "WMS:{url}", "vrt:///vsicurl/{url}",
    "&lt;GDAL_WMS&gt;&lt;Service name='TMS'&gt;&lt;ServerUrl&gt;{url}&lt;/ServerUrl&gt;&lt;/Service&gt;&lt;/GDAL_WMS&gt;",
)  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_a_local_scene_never_reaches_for_the_network(work, large, tmp_path, name):
    with Misbehaving(large) as server:
        scene = vrt_of(tmp_path / "outer.vrt", vrt_of(tmp_path / "inner.vrt", name.format(url=server.url)).name)
        assert refused(predict(work, scene, tmp_path / "out"), "on the network")
        assert server.requests == []


def test_a_vrt_shows_no_file_from_elsewhere_as_pixels(work, tmp_path):
    band = (
        '<VRTRasterBand dataType="Byte" band="{}" subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="0">/etc/passwd'
        "</SourceFilename><ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset><LineOffset>8</LineOffset></VRTRasterBand>"
    )
    scene = tmp_path / "raw.vrt"
    scene.write_text(
        f'<VRTDataset rasterXSize="8" rasterYSize="8">{"".join(band.format(b) for b in (1, 2, 3))}</VRTDataset>'
    )
    assert refused(predict(work, scene, tmp_path / "out"))


def test_a_vrt_runs_no_code(work, tmp_path):
    shutil.copy(work.scene, tmp_path / "scene.tif")
    code = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\ndef f(i, out, *a, **k):\n    out[:] = 1"
    band = (
        '<VRTRasterBand dataType="Byte" band="{}" subClass="VRTDerivedRasterBand"><PixelFunctionLanguage>Python</PixelFunctionLanguage>'
        f"<PixelFunctionType>f</PixelFunctionType><PixelFunctionCode><![CDATA[{code}]]></PixelFunctionCode>"
        '<SimpleSource><SourceFilename relativeToVRT="1">scene.tif</SourceFilename></SimpleSource></VRTRasterBand>'
    )
    scene = tmp_path / "python.vrt"
    scene.write_text(
        f'<VRTDataset rasterXSize="8" rasterYSize="8">{"".join(band.replace("{}", str(b)) for b in (1, 2, 3))}</VRTDataset>'
    )
    assert refused(predict(work, scene, tmp_path / "out"))
    assert not (tmp_path / "ran").exists()
