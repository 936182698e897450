"""What holds for every architecture: sizes, gradients, files, learning, export."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file, save_file

from seaice_cli.errors import ModelError
from seaice_cli.network import architectures
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.segmenter import inference_state, load_state
from seaice_cli.network.build import build_network
from seaice_cli.network.spec import IceClass, ModelSpec
from seaice_cli.training.losses import parse_loss, training_loss
from tests.network.architectures.made import NAMES, TINY, build, scene, tiny

LOSS = parse_loss("ce", classes=3)


@pytest.fixture
def make_spec():
    def make(architecture):
        return ModelSpec(
            name="made",
            architecture=architecture,
            encoder=TINY,
            bands=("red",),
            dtype="uint8",
            valid_range=(0, 255),
            mean=(0,),
            std=(1,),
            classes=(IceClass("water", (0, 0, 0)), IceClass("ice", (255, 255, 255))),
            ice=1,
        )

    return make


def train(network, image, target, steps, lr):
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = training_loss(network(image), target, LOSS)
        loss.backward()
        optimizer.step()
    return loss.item()


def blocks(size):
    """A scene whose classes are the quarters of a square, easily told from its bands."""
    target = torch.zeros(1, size, size, dtype=torch.long)
    target[:, : size // 2, size // 2 :] = 1
    target[:, size // 2 :] = 2
    image = 0.1 * scene(1, 4, size, size) + torch.stack([(target == c).float() for c in (0, 1, 2, 0)], dim=1)
    return image, target


def test_every_architecture_of_the_library_can_be_reached():
    assert set(smp.MODEL_ARCHITECTURES_MAPPING) <= set(architectures.ARCHITECTURES)


def test_the_names_can_be_listed_without_torch():
    code = "import sys, seaice_cli.network.architectures as a; assert a.ARCHITECTURES and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_architecture_lists_the_known():
    with pytest.raises(ModelError, match="unknown architecture 'alexnet'; known: deeplabv3, "):
        architectures.find_builder("alexnet")


def test_wrappers_for_mixed_precision_find_every_tensor_of_the_outputs():
    from accelerate.utils import convert_to_fp32

    half = torch.zeros(1, 2, 3, 3, dtype=torch.bfloat16)
    outputs = convert_to_fp32(Outputs(half, ((half, 0.5),), (half,), ((half, torch.zeros(1, 3, 2).long()),)))
    assert isinstance(outputs, Outputs)
    tensors = outputs.logits, outputs.auxiliary[0][0], outputs.edges[0], outputs.points[0][0]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    assert outputs.auxiliary[0][1] == 0.5
    assert outputs.points[0][1].dtype == torch.int64


def test_a_stride_that_the_network_cannot_keep_is_refused_with_the_way_out(make_spec):
    with pytest.raises(ModelError, match="stride must be a multiple of 128, which pan needs, not 32"):
        build_network(make_spec("pan"))
    assert build_network(dataclasses.replace(make_spec("pan"), stride=128, tile=1024)).stride == 128


@pytest.mark.parametrize("name", NAMES)
class TestEvery:
    def test_logits_have_the_size_of_the_scene_even_an_odd_one(self, name):
        network = tiny(name).eval()
        for height, width in ((70, 93), (64, 64), (33, 128)):
            with torch.no_grad():
                logits = network(scene(1, 4, height, width))
            assert logits.shape == (1, 3, height, width)
            assert torch.isfinite(logits).all()

    def test_a_batch_of_one_trains_and_every_weight_gets_a_finite_gradient(self, name):
        network = tiny(name)
        image, target = (
            scene(1, 4, 70, 93),
            torch.randint(0, 3, (1, 70, 93), generator=torch.Generator().manual_seed(1)),
        )
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
        for _ in range(2):
            optimizer.zero_grad()
            loss = training_loss(network(image), target, LOSS)
            loss.backward()
            optimizer.step()
        assert torch.isfinite(loss)
        # Several GPUs wait for the gradient of every weight.
        assert [n for n, p in network.named_parameters() if p.grad is None] == []
        assert all(torch.isfinite(p.grad).all() for p in network.parameters())

    def test_saved_and_loaded_it_gives_the_same_logits(self, name, tmp_path):
        network, image = tiny(name), scene(2, 4, 64, 64)
        with torch.no_grad():
            network.train()(image)  # moves the running statistics
            before = network.eval()(image)
            save_file({k: v.contiguous() for k, v in inference_state(network).items()}, tmp_path / "w.safetensors")
            other = tiny(name)
            load_state(other, load_file(tmp_path / "w.safetensors"))
            assert torch.equal(other.eval()(image), before)

    def test_it_overfits_one_scene(self, name):
        torch.manual_seed(0)
        image, target = blocks(64)
        network = tiny(name)
        train(network, image, target, steps=40, lr=3e-3)
        with torch.no_grad():
            # In training mode: running statistics have not settled after so few steps.
            outputs = network(image)
        logits = outputs.logits if isinstance(outputs, Outputs) else outputs
        assert (logits.argmax(1) == target).float().mean() > 0.9

    def test_mixed_precision_and_channels_last_train(self, name):
        network = tiny(name).to(memory_format=torch.channels_last)
        image, target = blocks(64)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = training_loss(network.train()(image.to(memory_format=torch.channels_last)), target, LOSS)
        loss.backward()
        assert loss.dtype == torch.float32
        assert all(torch.isfinite(p.grad).all() for p in network.parameters())

    @pytest.mark.slow
    def test_the_exported_graph_takes_any_size_and_gives_the_same_logits(self, name):
        check_export(tiny(name))

    def test_unknown_options_are_one_clear_line(self, name):
        with pytest.raises(ModelError, match="encoder_dept'") as caught:
            build(name, encoder_dept=4)
        assert "\n" not in str(caught.value)


def test_an_exported_graph_takes_any_size_and_gives_the_same_logits():
    check_export(tiny("pspnet"))


def check_export(network):
    import openvino

    network.eval()
    size, free = max(2 * network.stride, 64), torch.export.Dim.DYNAMIC
    program = torch.onnx.export(
        network,
        (scene(2, 4, size, 2 * size),),
        input_names=["scene"],
        dynamic_shapes=({0: free, 2: free, 3: free},),
        opset_version=18,
        dynamo=True,
        verbose=False,
    )
    core = openvino.Core()
    model = core.read_model(io.BytesIO(program.model_proto.SerializeToString()))
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for height, width in ((size, 2 * size), (size + network.stride, size), (3 * size, 2 * size)):
        image = scene(1, 4, height, width)
        with torch.no_grad():
            expected = network(image).numpy()
        assert np.abs(compiled([image.numpy()])[0] - expected).max() < 1e-3 * max(np.abs(expected).max(), 1)
