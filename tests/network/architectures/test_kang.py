"""The partial pretrained U-Net: its published size, its heads, its unused stage."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures.kang import StandardisedConv
from seaice_cli.network.architectures.segmenter import inference_state
from tests.network.architectures.made import TINY, build, scene

LITE3, LITE4 = "timm-tf_efficientnet_lite3", "timm-tf_efficientnet_lite4"


def millions(module):
    return sum(p.numel() for p in module.parameters()) / 1e6


def gigamacs(network, size=512):
    """Multiply-adds of a scene of 3 bands, with all heads."""
    network = network.to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, size, size, device="meta"))
    return counter.get_total_flops() / 2e9


def test_lite3_has_the_published_size():
    network = build("kang", encoder=LITE3, classes=2)
    assert millions(network) == pytest.approx(2.19, abs=0.005)
    assert millions(network.encoder) == pytest.approx(1.788, abs=0.001)
    assert millions(network) - millions(network.encoder) == pytest.approx(0.399, abs=0.001)
    assert gigamacs(network) == pytest.approx(7.03, abs=0.01)


@pytest.mark.parametrize(
    ("encoder", "depth", "decoder", "macs"),
    [(LITE3, 5, 1.978, 9.38), (LITE4, 4, 0.447, 8.75), (LITE4, 5, 2.341, 12.12)],
)
def test_its_relatives_have_the_published_sizes(encoder, depth, decoder, macs):
    network = build("kang", encoder=encoder, classes=2, encoder_depth=depth)
    assert millions(network) - millions(network.encoder) == pytest.approx(decoder, abs=0.001)
    assert gigamacs(network) == pytest.approx(macs, abs=0.01)


def test_the_unused_stage_is_in_neither_memory_nor_file():
    network = build("kang", encoder=LITE3, classes=2)
    names = inference_state(network)
    assert not [n for n in names if n.startswith(("encoder.blocks.5", "encoder.blocks.6", "encoder.conv_head"))]
    assert not [n for n in names if n.startswith("supervision_heads")]
    size = sum(t.numel() * t.element_size() for t in names.values()) / 1e6
    assert size == pytest.approx(9.1, abs=0.4)  # megabytes; 29.8 with everything the library keeps


def test_three_heads_while_training_and_one_afterwards():
    network, image = build("kang", classes=2), scene(2, 3, 64, 48)
    outputs = network.train()(image)
    assert outputs.logits.shape == (2, 2, 64, 48)
    assert [(tuple(logits.shape), weight) for logits, weight in outputs.auxiliary] == [
        ((2, 2, 32, 24), 0.5),
        ((2, 2, 16, 12), 0.5),
    ]
    assert network.eval()(image).shape == (2, 2, 64, 48)


def test_heads_begin_without_a_preference():
    network = build("kang")
    for head in (network.segmentation_head, *network.supervision_heads):
        assert head[1].bias.abs().sum() == 0


def test_without_supervision_there_is_one_head():
    assert isinstance(build("kang", supervision=0.0).train()(scene(2, 3, 32, 32)), torch.Tensor)


def test_padding_is_cut_from_the_coarser_heads_too():
    outputs = build("kang").train()(scene(2, 3, 50, 41))
    assert [tuple(logits.shape[-2:]) for logits, _ in outputs.auxiliary] == [(25, 21), (13, 11)]


@pytest.mark.parametrize(
    "options",
    [{"encoder_depth": 2}, {"encoder_depth": 6}, {"kernel": 4}, {"attention": "se"}, {"decoder_channels": (8, 8)}],
)
def test_what_cannot_be_built_is_a_model_error(options):
    with pytest.raises(ModelError, match="kang: "):
        build("kang", encoder=TINY, **options)


def test_an_encoder_without_features_at_half_the_size_is_a_model_error():
    with pytest.raises(ModelError, match="no features at half the size"):
        build("kang", encoder="mit_b0", encoder_depth=5)


def test_attention_dropout_and_kernel_are_options():
    plain = build("kang", attention=None, dropout=0.2, kernel=3)
    assert millions(plain) < millions(build("kang"))
    assert plain.eval()(scene(1, 3, 32, 32)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("options", [{"separable": True}, {"standardised": True}, {"separable": True, "kernel": 3}])
def test_the_variants_of_the_decoder_train(options):
    network, image = build("kang", **options), scene(2, 3, 64, 64)
    network.train()(image).logits.square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.decoder.parameters())
    names = [n for n, p in network.decoder.named_parameters() if p.grad is None]
    assert names == []


def test_a_separable_kernel_is_a_column_and_a_row():
    square, separable = build("kang", attention=None), build("kang", attention=None, separable=True)
    channels = sum(m.in_channels for m in square.decoder.modules() if getattr(m, "kernel_size", 0) == (5, 5))
    # 25 weights and a bias of every channel become 5 + 5 and two biases.
    assert sum(p.numel() for p in square.parameters()) - sum(p.numel() for p in separable.parameters()) == 14 * channels


def test_standardised_weights_do_not_see_the_scale_of_a_channel():
    torch.manual_seed(0)
    conv, image = StandardisedConv(3, 4, 3, padding="same", bias=False), scene(1, 3, 8, 8)
    before = conv(image)
    weights = (conv.weight - conv.weight.mean((1, 2, 3), keepdim=True)) / conv.weight.std(
        (1, 2, 3), keepdim=True, correction=0
    )
    torch.testing.assert_close(before, torch.nn.functional.conv2d(image, weights, padding=1), rtol=1e-3, atol=1e-3)
    with torch.no_grad():
        conv.weight.mul_(7).add_(3)
    torch.testing.assert_close(conv(image), before, rtol=1e-3, atol=1e-3)
