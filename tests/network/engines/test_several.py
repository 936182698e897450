"""Several devices: order, bytes and errors as of one. CPUs stand in for GPUs."""

import threading

import numpy as np
import pytest

from seaice_cli.errors import EngineError, OptionError
from seaice_cli.network.catalog import find_model
from seaice_cli.network.engines import choose_engine, open_engine, split_devices
from tests.network.engines.test_pytorch import chips, small_model

torch = pytest.importorskip("torch", reason="the extra gpu is not installed")
__all__ = ["small_model"]


def one(model, batch_size=3, **options):
    return open_engine(
        find_model(model), (64, 96), engine="torch", device="cpu", precision="float32", batch_size=batch_size, **options
    )


def several(model, number=2, batch_size=3):
    from seaice_cli.network.engines.several import SeveralDevices

    return SeveralDevices([one(model, batch_size) for _ in range(number)])


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("empty", [(), (0, 3, 4, 5, 19), tuple(range(20))])
def test_order_and_bytes_are_those_of_one_device(small_model, number, empty):
    ours, alone = several(small_model, number), one(small_model)
    for result, expected in zip(ours.run(chips(20, empty=empty)), alone.run(chips(20, empty=empty)), strict=True):
        assert result.window == expected.window
        assert (result.pixels is None) == (expected.pixels is None)
        if expected.pixels is not None:
            np.testing.assert_array_equal(result.pixels.numpy(), expected.pixels.numpy())


def test_batches_go_round_and_devices_work_at_the_same_time(small_model, monkeypatch):
    engine = several(small_model, 2)
    both, seen = threading.Barrier(2, timeout=20), []
    for place, device in enumerate(engine._engines):
        infer = device._infer

        def waiting(inputs, infer=infer, place=place):
            both.wait()  # passes only if the other one is computing, too
            seen.append((place, len(inputs)))
            return infer(inputs)

        monkeypatch.setattr(device, "_infer", waiting)
    assert [c.window.col_off for c in engine.run(chips(12))] == list(range(12))
    assert sorted(seen) == [(0, 3), (0, 3), (1, 3), (1, 3)]


def test_a_whole_run_gives_the_same_mask(tmp_path, write_scene, noise, small_model):
    import rasterio

    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.pipeline import predict

    scene, masks = write_scene(noise(300, 340)), []
    for name in ("one", "two"):
        options = PredictOptions(model=str(small_model), tile=64, overlap=16, probability=tmp_path / f"{name}_ice.tif")

        def opened(job, name=name):
            make = one if name == "one" else several
            return make(job.model.directory)

        predict(str(scene), tmp_path / f"{name}.tif", options=options, engine=opened)
        files = [tmp_path / f"{name}.tif", tmp_path / f"{name}_ice.tif"]
        masks.append([rasterio.open(f).read().tobytes() for f in files])
    assert masks[0] == masks[1]


def test_an_error_of_one_device_ends_the_run(small_model, monkeypatch):
    engine = several(small_model)

    def none(_inputs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._engines[1], "_infer", none)
    with pytest.raises(EngineError, match="smaller `tile`"):
        list(engine.run(chips(40)))


def test_who_stops_early_leaves_no_thread_behind(small_model):
    before, stream = threading.active_count(), several(small_model).run(chips(40))
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_names_of_several_devices():
    assert split_devices("cuda:0,1") == ["cuda:0", "cuda:1"]
    assert split_devices("cuda") == ["cuda"]
    assert choose_engine("auto", "cuda:0,1") == "torch"
    with pytest.raises(OptionError, match="twice"):
        choose_engine("auto", "cuda:1,1")
    for wrong in ("cuda:", "cuda:0,", "cpu:0,1", "0,1"):
        with pytest.raises(OptionError, match="for several"):
            choose_engine("auto", wrong)


def test_a_gpu_that_is_not_there_is_told_by_its_name(small_model):
    with pytest.raises(EngineError, match="cuda:9: no such GPU"):
        open_engine(find_model(small_model), (64, 96), device="cuda:9,8")


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_give_the_bytes_of_one(small_model):
    model = find_model(small_model)
    alone, both = (open_engine(model, (64, 96), device=d, batch_size=4) for d in ("cuda:0", "cuda:0,1"))
    assert both.device == "cuda:0,1"
    for result, expected in zip(both.run(chips(30)), alone.run(chips(30)), strict=True):
        assert result.pixels.device == expected.pixels.device
        assert torch.equal(result.pixels, expected.pixels)
