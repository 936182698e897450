"""What segmentation_models_pytorch and timm do otherwise than one expects, each mended and held by a test."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import encoders, positions
from seaice_cli.training.losses import parse_loss, training_loss
from tests.network.architectures.made import TINY, build, scene

SIZED = [(name, depth) for name in ("fpn", "pspnet") for depth in (3, 4, 5)]
REST = ["unet", "unetplusplus", "manet", "linknet", "pan", "upernet", "segformer", "deeplabv3", "deeplabv3plus"]


def macs(module, size=128):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.zeros(1, 3, size, size))
    return counter.get_total_flops() / 2


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("name", "depth"), [*SIZED, *((name, depth) for name in REST for depth in (3, 4))])
def test_logits_have_the_size_of_the_scene_at_any_depth(name, depth):
    network = build(name, encoder_depth=depth).eval()
    assert not network.resized  # right by itself, not by the last resort
    with torch.no_grad():
        assert network(scene(1, 3, 50, 70)).shape == (1, 3, 50, 70)


def test_a_decoder_of_another_depth_has_the_last_of_the_usual_channels():
    assert build("unet", encoder_depth=4).segmentation_head[0].in_channels == 16
    assert build("unet", encoder_depth=3, decoder_channels=(8, 8, 4)).segmentation_head[0].in_channels == 4


@pytest.mark.parametrize("stride", [8, 16])
def test_pspnet_has_an_output_stride(stride):
    network = build("pspnet", output_stride=stride).eval()
    assert network.stride == stride
    with torch.no_grad():
        assert network.encoder(scene(1, 3, 64, 64))[-1].shape[-1] == 64 // stride
        assert network(scene(1, 3, 64, 64)).shape == (1, 3, 64, 64)


@pytest.mark.parametrize("name", ["pspnet", "deeplabv3plus"])
def test_weights_trained_at_stride_16_go_on_at_stride_8(name):
    coarse = build(name, encoder="resnet18", output_stride=16, auxiliary=0.4)
    fine = build(name, encoder="resnet18", output_stride=8, auxiliary=0.4)
    fine.load_state_dict(coarse.state_dict())
    image = scene(1, 3, 64, 64)
    with torch.no_grad():
        assert not torch.equal(fine.eval()(image), coarse.eval()(image))
        assert fine.encoder(image)[-1].shape[-1] == 2 * coarse.encoder(image)[-1].shape[-1]


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus", "upernet", "pan", "pspnet", "pointflow", "fcn"])
def test_a_batch_of_one_scene_trains(name):
    network = build(name, classes=2).train()
    target = torch.zeros(1, 64, 64, dtype=torch.long)
    training_loss(network(scene(1, 3, 64, 64)), target, parse_loss("ce", classes=2)).backward()


def test_an_auxiliary_head_is_an_option_of_the_library_too():
    network = build("pspnet", output_stride=8, auxiliary=0.4)
    outputs = network.train()(scene(2, 3, 60, 60))
    assert [(tuple(logits.shape), weight) for logits, weight in outputs.auxiliary] == [((2, 3, 60, 60), 0.4)]
    assert isinstance(network.eval()(scene(2, 3, 60, 60)), torch.Tensor)


@pytest.mark.parametrize("encoder", ["tu-tf_efficientnet_lite3", "efficientnet-b3", "timm-tf_efficientnet_lite3"])
def test_a_stage_that_is_left_out_costs_neither_time_nor_weights(encoder):
    short = encoders.build_encoder(encoder, weights=None, in_channels=3, depth=4)
    full = encoders.build_encoder(encoder, weights=None, in_channels=3, depth=5)
    assert macs(short) < 0.85 * macs(full)
    assert parameters(short) < 0.5 * parameters(full)


def test_what_is_left_out_changes_no_feature():
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    plain = smp.encoders.get_encoder("mobilenet_v2", depth=3, weights=None)
    torch.manual_seed(0)
    slim = encoders.build_encoder("mobilenet_v2", weights=None, in_channels=3, depth=3)
    image = scene(1, 3, 64, 64)
    with torch.no_grad():
        assert all(map(torch.equal, slim.eval()(image), plain.eval()(image)))
    assert parameters(slim) < 0.2 * parameters(plain)


def test_what_cannot_be_left_out_is_put_back():
    class Shy(torch.nn.Module):
        """Uses a layer in a way that no derivative sees."""

        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(3, 4, 1)

        def forward(self, image):
            return [image, self.first(image) + self.second(image).detach()]

    shy = Shy()
    second = shy.second
    encoders.leave_out_unused(shy, 3)
    assert shy.second is second


@pytest.mark.parametrize(
    "encoder", ["timm-tf_efficientnet_lite0", "timm-resnest14d", "tu-resnest14d", "timm-skresnet18"]
)
def test_old_names_of_encoders_do_not_warn(encoder):
    build("unet", encoder=encoder)  # warnings are errors here


@pytest.mark.parametrize("encoder", ["tu-resnest14d", "tu-res2net50_26w_4s", "tu-hrnet_w18_small", "resnet50"])
def test_the_encoders_of_the_seed_systems_build_and_train(encoder):
    network = build("fpn", encoder=encoder, classes=2).train()
    network(scene(2, 3, 64, 64)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize("name", ["unet", "upernet", "fpn"])
def test_encoders_that_begin_at_a_quarter_of_the_size_work(name):
    assert build(name, encoder="tu-test_convnext").eval()(scene(1, 3, 40, 70)).shape == (1, 3, 40, 70)


def test_vision_transformers_take_windows_of_any_size():
    network = build("dpt", encoder="tu-test_vit.r160_in1k").eval()
    with torch.no_grad():
        assert network(scene(1, 3, 100, 200)).shape == (1, 3, 100, 200)


def test_positions_are_timms_where_nothing_is_resampled():
    import timm

    model = timm.create_model("test_vit.r160_in1k", dynamic_img_size=True).eval()
    patches = scene(2, 10, 10, 64)
    with torch.no_grad():
        expected = model._pos_embed(patches)
        assert torch.equal(positions.embed_positions(model, patches), expected)
        model.no_embed_class, model.pos_embed.data = True, model.pos_embed.data[:, model.num_prefix_tokens :]
        model.pos_embed = torch.nn.Parameter(model.pos_embed.data)
        assert torch.equal(positions.embed_positions(model, patches), model._pos_embed(patches))
        assert positions.embed_positions(model, scene(2, 7, 13, 64)).shape[1] == 7 * 13 + model.num_prefix_tokens


def test_more_and_fewer_bands():
    for bands in (1, 2, 7):
        network = build("unet", bands=bands).eval()
        with torch.no_grad():
            assert network(scene(1, bands, 32, 32)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("deeplabv3plus", {"encoder": "tu-hrnet_w18_small"}, "deeplabv3plus with encoder tu-hrnet_w18_small: "),
        ("unet", {"encoder": "resnet181"}, "unknown encoder 'resnet181'; near: .*resnet18"),
        ("unet", {"encoder": "tu-resnet181"}, "unknown encoder 'tu-resnet181'; near: tu-resnet18"),
        ("unet", {"encoder": "tu-hf-hub:someone/model"}, "unknown encoder"),
        ("unet", {"encoder": "../weights"}, "unknown encoder"),
        ("unet", {"encoder_depth": 7}, "unet with encoder"),
        ("unet", {"encoder": "resnet18", "decoder_chanels": (1,)}, "unknown option 'decoder_chanels'"),
        ("unet", {"checkpoint_path": "weights.pth"}, "unknown option 'checkpoint_path'"),
        ("unet", {"pretrained": True}, "unknown option 'pretrained'"),
        ("unet", {"encoder": "tu-swin_tiny_patch4_window7_224"}, "doesn't match model"),
        ("unet", {"activation": "softmax"}, "unknown option 'activation'"),
        ("unet", {"encoder": "resnet18", "aux_params": {}}, "unknown option 'aux_params'"),
        ("dpt", {"encoder": "resnet18"}, "dpt with encoder resnet18: Only Timm"),
        ("dpt", {"auxiliary": 0.4}, "no stages for an auxiliary head"),
        ("hourglass", {"encoder": TINY}, "has no encoder of its own"),
        ("fcn", {"output_stride": 7}, "encoder tu-test"),
    ],
)
def test_what_does_not_fit_together_is_one_clear_line(name, options, text):
    with pytest.raises(ModelError, match=text) as caught:
        build(name, **options)
    assert "\n" not in str(caught.value)
