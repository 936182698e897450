import math

import numpy as np
import pytest

from seaice_cli.errors import DataError, ModelError
from seaice_cli.evaluation.criteria import Criteria, Pair
from seaice_cli.evaluation.temperature import fit_model, target_of, temper_model
from seaice_cli.network.catalog import find_model
from seaice_cli.network.spec import ONNX_FILE
from seaice_cli.prediction.options import PredictOptions
from tests.models import OFF_TIES, pixel_model

THREE = Criteria(classes=("water", "ice", "cloud"))


def drawn_scene(write_scene, noise, temperature, name="s", size=(300, 260)):
    """Return a scene whose truth is drawn from what the pixelwise model says at a temperature."""
    pixels = noise(*size)
    position = pixels.astype(np.float64).mean(axis=0) / 255 + OFF_TIES
    logits = -200 * (position[..., None] - (np.arange(3) + 0.5) / 3) ** 2
    rng = np.random.default_rng(len(name))
    truth = (logits / temperature + rng.gumbel(size=logits.shape)).argmax(axis=-1).astype(np.uint8)
    truth[:20] = 255
    image = write_scene(pixels, f"{name}.tif")
    return Pair(predicted=image, image=image, reference=write_scene(truth[None], f"{name}-label.tif"), name=name)


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_that_drew_the_truth_is_found_through_blended_windows(
    write_scene, noise, tmp_path, temperature
):
    scenes = [drawn_scene(write_scene, noise, temperature, name) for name in ("a", "bb")]
    model = pixel_model(tmp_path / "model", classes=3)
    options = PredictOptions(model=str(model), precision="float32", tile=128, overlap=32)
    found = fit_model(scenes, options, THREE)
    assert found.before == 1
    assert found.after == pytest.approx(temperature, rel=0.03)
    assert found.loss_after < found.loss_before
    sparse = fit_model(scenes, options, THREE, pixels=20_000)
    assert sparse.after == pytest.approx(temperature, rel=0.1)
    assert sparse.after != found.after


def test_what_the_model_has_already_is_taken_into_account(write_scene, noise, tmp_path):
    # The graph gives the same probabilities, but says that they come from logits divided by 2.
    model = pixel_model(tmp_path / "model", classes=3, temperature=2.0)
    found = fit_model(
        [drawn_scene(write_scene, noise, 1.5)], PredictOptions(model=str(model), precision="float32"), THREE
    )
    assert found.before == 2
    assert found.after == pytest.approx(2 * 1.5, rel=0.03)


def test_labels_without_a_class_give_no_temperature(write_scene, noise, tmp_path):
    scene = drawn_scene(write_scene, noise, 1.0, size=(20, 64))
    with pytest.raises(DataError, match="no pixel of the references has a class"):
        fit_model([scene], PredictOptions(model=str(pixel_model(tmp_path / "model", classes=3))), THREE)


def test_the_temperature_goes_into_the_specification_and_the_graph(tmp_path):
    import openvino as ov
    import torch

    from seaice_cli.network.build import build_network
    from seaice_cli.network.export import save_model
    from tests.network.test_build import small_spec

    torch.manual_seed(0)
    spec = small_spec()
    save_model(tmp_path / "model", spec, build_network(spec), "# my card")
    scene = np.random.default_rng(0).integers(0, 256, (1, len(spec.bands), 64, 64)).astype(spec.dtype)

    def log_odds():
        model = find_model(tmp_path / "model")
        core = ov.Core()
        compiled = core.compile_model(
            core.read_model(model.file(ONNX_FILE)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        p = compiled(scene)[0].astype(np.float64)
        return np.log(p[:, 1] / p[:, 0])

    before = log_odds()
    temper_model(str(tmp_path / "model"), tmp_path / "model", 2.5)
    assert find_model(tmp_path / "model").spec.temperature == 2.5
    np.testing.assert_allclose(log_odds(), before / 2.5, atol=1e-4)
    assert np.abs(before).max() > 0.01
    assert (tmp_path / "model" / "README.md").read_text() == "# my card"
    temper_model(str(tmp_path / "model"), tmp_path / "copy", 4.0)
    assert [find_model(tmp_path / name).spec.temperature for name in ("model", "copy")] == [2.5, 4.0]
    assert (tmp_path / "copy" / "README.md").read_text() == "# my card"
    assert math.isclose(find_model(tmp_path / "model").spec.std[0], spec.std[0])


def test_a_shipped_model_is_not_changed_by_its_name(monkeypatch, tmp_path):
    from seaice_cli.network import catalog

    pixel_model(tmp_path / "shipped-one")
    monkeypatch.setattr(catalog, "models_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match=r"shipped-one: a shipped model is not changed; `calibrated` DIR"):
        target_of("shipped-one", None)
    assert target_of("shipped-one", tmp_path / "copy") == tmp_path / "copy"
    assert target_of(str(tmp_path / "shipped-one"), None) == tmp_path / "shipped-one"
