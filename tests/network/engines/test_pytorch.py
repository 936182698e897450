"""The torch engine: agreement with the CPU engine, order, memory that runs out; on a GPU where there is one."""

import numpy as np
import pytest
from rasterio.windows import Window

from seaice_cli.errors import EngineError, SeaIceError
from seaice_cli.network.catalog import find_model
from seaice_cli.network.engines import open_engine
from seaice_cli.network.spec import IceClass, ModelSpec
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.prediction.pipeline import predict
from seaice_cli.raster.windows.grid import Chip

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    """A small U-Net with random weights, as a complete model directory."""
    from seaice_cli.network.build import build_network
    from seaice_cli.network.export import save_model

    spec = ModelSpec(
        name="small", architecture="unet", encoder="resnet18", options={"encoder_depth": 3, "decoder_channels": [32, 16, 16]},
        bands=("red", "green", "blue"), dtype="uint8", valid_range=(0, 255), mean=(100.0,) * 3, std=(50.0,) * 3, ice=1,
        classes=tuple(IceClass(n, (i, i, i)) for i, n in enumerate(("water", "ice", "cloud"))),
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "small"
    save_model(folder, spec, build_network(spec), "A model for tests.")
    return folder


def chips(number, *, empty=()):
    rng = np.random.default_rng(0)
    for i in range(number):
        pixels = None if i in empty else rng.integers(0, 256, (3, 64, 96)).astype(np.uint8)
        yield Chip(Window(i, 0, 96, 64), pixels)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("empty", [(), (0, 3, 4, 5), tuple(range(7))])
def test_results_equal_the_cpu_engines_and_empty_chips_pass(small_model, batch_size, empty):
    model = find_model(small_model)
    ours = open_engine(model, (64, 96), engine="torch", device="cpu", batch_size=batch_size)
    oracle = open_engine(model, (64, 96), engine="openvino", precision="float32")
    for result, expected in zip(ours.run(chips(7, empty=empty)), oracle.run(chips(7, empty=empty)), strict=True):
        assert result.window == expected.window
        if expected.pixels is None:
            assert result.pixels is None
        else:
            np.testing.assert_allclose(result.pixels.numpy(), expected.pixels, atol=1e-4)


def test_both_engines_give_the_same_mask(tmp_path, write_scene, noise, small_model):
    scene = write_scene(noise(150, 170))
    masks = []
    for engine in ("torch", "openvino"):
        target = tmp_path / f"{engine}.tif"
        options = PredictOptions(
            model=str(small_model), engine=engine, device="cpu", precision="float32", tile=64, overlap=16
        )
        predict(str(scene), target, options=options)
        import rasterio

        with rasterio.open(target) as mask:
            masks.append(mask.read(1))
    assert np.mean(masks[0] != masks[1]) < 1e-3


def test_when_memory_runs_out_the_batch_is_halved_and_nothing_is_lost(small_model, monkeypatch, caplog):
    engine = open_engine(find_model(small_model), (64, 96), engine="torch", device="cpu", batch_size=8)
    infer, sizes = engine._infer, []

    def scarce(inputs):
        sizes.append(len(inputs))
        if len(inputs) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return infer(inputs)

    monkeypatch.setattr(engine, "_infer", scarce)
    assert [c.window.col_off for c in engine.run(chips(10))] == list(range(10))
    assert sizes[:3] == [8, 4, 2]
    assert engine.batch_size == 2
    assert "going on with 2" in caplog.text


def test_batches_are_always_full_so_that_kernels_are_the_same(small_model, monkeypatch):
    engine = open_engine(find_model(small_model), (64, 96), engine="torch", device="cpu", batch_size=4)
    infer, shapes = engine._infer, []
    monkeypatch.setattr(engine, "_infer", lambda inputs: shapes.append(tuple(inputs.shape)) or infer(inputs))
    whole = [c.pixels.clone() if c.pixels is not None else None for c in engine.run(chips(10, empty=(2,)))]
    assert shapes == [(4, 3, 64, 96)] * 3
    rest = [c.pixels for c in engine.run(list(chips(10, empty=(2,)))[5:])]
    assert all(torch.equal(a, b) for a, b in zip(whole[5:], rest, strict=True)), "other neighbours in the batch"


def test_one_window_that_does_not_fit_is_an_error_with_the_way_out(small_model, monkeypatch):
    engine = open_engine(find_model(small_model), (64, 96), engine="torch", device="cpu")

    def none(_inputs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine, "_infer", none)
    with pytest.raises(EngineError, match="smaller `tile`"):
        list(engine.run(chips(1)))


def test_a_directory_without_a_graph_gets_one_in_the_cache_once(tmp_path, small_model, monkeypatch, caplog):
    import shutil

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = shutil.copytree(small_model, tmp_path / "model", ignore=shutil.ignore_patterns("*.onnx"))
    for _ in range(2):
        engine = open_engine(find_model(folder), (64, 96), engine="openvino", precision="float32")
        oracle = open_engine(find_model(small_model), (64, 96), engine="openvino", precision="float32")
        for result, expected in zip(engine.run(chips(2)), oracle.run(chips(2)), strict=True):
            np.testing.assert_allclose(result.pixels, expected.pixels, atol=1e-5)
    assert caplog.text.count("exporting it once") == 1
    assert not (folder / "network.onnx").exists()


@pytest.mark.parametrize("device", ["cuda:9", "tpu", "meta"])
def test_devices_that_are_not_there_are_refused(small_model, device):
    with pytest.raises(SeaIceError, match=f"`device` {device}: no such"):
        open_engine(find_model(small_model), (64, 96), engine="torch", device=device)


@pytest.fixture
def cuda():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")


@pytest.mark.gpu
def test_the_gpus_mask_agrees_with_the_cpus(tmp_path, write_scene, noise, small_model, cuda):
    import rasterio

    scene, masks = write_scene(noise(700, 900)), []
    for device in ("cuda", "cpu"):
        target = tmp_path / f"{device}.tif"
        options = PredictOptions(model=str(small_model), device=device, precision="float32", tile=256, overlap=64)
        predict(str(scene), target, options=options)
        with rasterio.open(target) as mask:
            masks.append(mask.read(1))
    assert np.mean(masks[0] != masks[1]) < 5e-3


@pytest.mark.gpu
def test_probabilities_stay_on_the_gpu(small_model, cuda):
    engine = open_engine(find_model(small_model), (64, 96), device="cuda", batch_size=4)
    assert engine.name == "torch"
    assert engine.precision in ("bfloat16", "float16")
    assert all(c.pixels.is_cuda and c.pixels.dtype == torch.float32 for c in engine.run(chips(6)))


@pytest.mark.gpu
def test_a_gpu_gives_the_same_mask_twice(tmp_path, write_scene, noise, small_model, cuda):
    scene, files = write_scene(noise(500, 500)), set()
    for number in range(2):
        target = tmp_path / str(number) / "mask.tif"
        target.parent.mkdir()
        predict(
            str(scene),
            target,
            options=PredictOptions(model=str(small_model), device="cuda", tile=128, overlap=32, batch_size=4),
        )
        files.add(target.read_bytes())
    assert len(files) == 1


@pytest.mark.gpu
def test_a_real_shortage_of_gpu_memory_is_survived(small_model, cuda):
    free = torch.cuda.mem_get_info()[0]
    hog = torch.empty(max(0, free - (700 << 20)), dtype=torch.uint8, device="cuda")
    engine = open_engine(find_model(small_model), (1024, 1024), device="cuda", batch_size=32)
    wide = (Chip(Window(i, 0, 1024, 1024), np.zeros((3, 1024, 1024), np.uint8)) for i in range(33))
    assert len(list(engine.run(wide))) == 33
    del hog
