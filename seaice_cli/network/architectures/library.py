"""The architectures of segmentation_models_pytorch, with what does not fit mended.

- FPN and PSPNet give logits of another size than the image when the depth is not their default: they get the right
  enlargement. Whatever else comes in another size is enlarged. A decoder of another depth gets the last of the default
  numbers of channels.
- Only U-Net takes any height and width: images are padded to a multiple of the stride and the logits cropped.
- A batch of one scene breaks the pooling branches of DeepLab, UPerNet and PAN in training: see `pooling.PooledNorm`.
- Encoders keep layers that nothing reads, and options that nobody knows: both are left out.
- Exported vision transformers give other logits than in torch: see `positions`.
- Names of weights mean the same for the library's encoders and for those of timm.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.decoders.pspnet.decoder import PSPDecoder
from torch import Tensor, nn

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import encoders
from seaice_cli.network.architectures.heads import FcnHead
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.pooling import mend_pooling
from seaice_cli.network.architectures.positions import mend_positions
from seaice_cli.network.architectures.segmenter import Segmenter, enlarge
from seaice_cli.network.pretrained import building

_DILATED = ("deeplabv3", "deeplabv3plus", "pan")
# Arguments of the library's classes that are ours to set, or that make another kind of network.
_HIDDEN = {"self", "kwargs", "encoder_name", "encoder_weights", "in_channels", "classes", "activation", "aux_params"}
# Arguments of timm that would fetch or read files, which a model.json must not do.
_FETCHING = {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"}


class LibrarySegmenter(Segmenter):
    """Encoder, decoder and head of the library under their own names, and an auxiliary head if wanted."""

    training_only = ("auxiliary_head.",)

    def __init__(self, model: nn.Module, *, stride: int, classes: int, auxiliary: float) -> None:
        """Take the parts of `model`; `auxiliary` is the weight of a head on the last stage but one, 0 for none."""
        super().__init__(stride)
        self.encoder, self.decoder, self.segmentation_head = _parts(model)
        self.auxiliary = auxiliary
        self.resized = False
        if auxiliary:
            self.auxiliary_head = FcnHead(encoders.channels(self.encoder)[-2], classes)

    def segment(self, image: Tensor) -> Outputs:
        """Return the logits, and in training mode those of the auxiliary head, all in the size of the image."""
        features = self.encoder(image)
        logits = self.segmentation_head(self.decode(features))
        if self.resized:
            logits = enlarge(logits, image.shape[-2:])
        return Outputs(logits, auxiliary=self.extras(features, image.shape[-2:]))

    def decode(self, features: Any) -> Tensor:
        """Return what the head reads; vision transformers have two lists of features, the others one."""
        decoded: Tensor = self.decoder(*features) if isinstance(features, tuple) else self.decoder(features)
        return decoded

    def extras(self, features: Any, size: torch.Size) -> tuple[tuple[Tensor, float], ...]:
        """Return what `Outputs.auxiliary` holds: nothing but in training mode."""
        if not (self.training and self.auxiliary):
            return ()
        return ((enlarge(self.auxiliary_head(features[-2]), size), self.auxiliary),)

    def coarse(self, features: Any) -> Tensor:
        """Return the logits (N, classes, h, w) before they are enlarged."""
        logits: Tensor = self.segmentation_head[0](self.decode(features))
        return logits


def build(
    *,
    architecture: str,
    encoder: str,
    encoder_weights: str | Path | None,
    in_channels: int,
    classes: int,
    auxiliary: float = 0.0,
    output_stride: int | None = None,
    **more: Any,
) -> LibrarySegmenter:
    """Return an architecture of the library.

    Args:
        architecture: Its name, in lower case.
        encoder: A name of the library, or `tu-` and a name of timm.
        encoder_weights: None, the name of published weights, or a file.
        in_channels: Number of bands.
        classes: Number of classes.
        auxiliary: Weight of the loss of an FCN head on the last stage but one; 0 for none.
        output_stride: 8 or 16 to dilate the encoder instead of halving further.
        more: Arguments of the library's class, such as `encoder_depth`, and of encoders of timm.

    Raises:
        ModelError: Something is unknown, or does not fit together.
    """
    what = f"{architecture} with encoder {encoder}"
    encoders.check_name(encoder)
    _check_options(what, architecture, encoder, more)
    arguments = _mended(architecture, output_stride, more)
    file, published = encoders.find_weights(encoder, encoder_weights)
    weights = encoders.hub_argument(encoder, published)
    if auxiliary and architecture == "dpt":
        raise ModelError(f"{what}: a vision transformer has no stages for an auxiliary head")
    with building(what, published=published):
        model = smp.create_model(
            architecture,
            encoder_name=encoder,
            encoder_weights=weights,
            in_channels=in_channels,
            classes=classes,
            **arguments,
        )
        if file is not None:
            encoders.load_encoder(model.encoder, encoder, file)
        mend_positions(model.encoder)
        encoders.leave_out_unused(model.encoder, in_channels)
        _mend_pyramid(model.decoder)
        mend_pooling(model.decoder)
        network = LibrarySegmenter(model, stride=_stride(model), classes=classes, auxiliary=auxiliary)
        network.resized = not _keeps_size(network, in_channels)
    return network


def _parts(model: nn.Module) -> tuple[nn.Module, nn.Module, nn.Sequential]:
    parts = dict(model.named_children())
    return parts["encoder"], parts["decoder"], parts["segmentation_head"]  # type: ignore[return-value]  # a Sequential


def _check_options(what: str, architecture: str, encoder: str, options: dict[str, Any]) -> None:
    known = set(_parameters(architecture)) - _HIDDEN
    forbidden = set(options) & (_HIDDEN | _FETCHING)
    unknown = sorted(forbidden if encoders.is_timm(encoder) else set(options) - known)
    if unknown:
        names = sorted((known | {"auxiliary", "output_stride"}) - {"encoder_output_stride"})
        raise ModelError(f"{what}: unknown option {unknown[0]!r}; its options are {', '.join(names)}")


def _parameters(architecture: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(smp.MODEL_ARCHITECTURES_MAPPING[architecture].__init__).parameters


def _tuples(architecture: str) -> dict[str, tuple[Any, ...]]:
    """Return the arguments of a class whose defaults are tuples, one value for each stage."""
    defaults = {name: parameter.default for name, parameter in _parameters(architecture).items()}
    return {name: default for name, default in defaults.items() if isinstance(default, tuple)}


def _mended(architecture: str, output_stride: int | None, options: dict[str, Any]) -> dict[str, Any]:
    """Return the library's arguments, with an enlargement that fits the depth and the stride."""
    arguments = dict(options)
    if output_stride is not None:
        arguments["encoder_output_stride" if architecture in _DILATED else "output_stride"] = output_stride
    if "decoder_channels" in _tuples(architecture):
        widths = _tuples(architecture)["decoder_channels"]
        arguments.setdefault("decoder_channels", widths[-int(arguments.get("encoder_depth", len(widths))) :])
    if architecture == "fpn":
        arguments.setdefault("upsampling", 2 ** (int(arguments.get("encoder_depth", 5)) - 3))
    if architecture == "pspnet":
        depth = int(arguments.setdefault("encoder_depth", 5 if output_stride else 3))
        arguments.setdefault("upsampling", min(output_stride or 32, 2**depth))
    if architecture == "dpt":
        arguments.setdefault("dynamic_img_size", True)
    return arguments


class PyramidBlock(nn.Module):
    """A grid of PSPNet, from pooling to enlarged, with the library's names."""

    def __init__(self, pool: nn.Module) -> None:
        """Take the library's pooling and convolution."""
        super().__init__()
        self.pool = pool

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, C', h, w) for features (N, C, h, w)."""
        return nn.functional.interpolate(
            self.pool(features), size=features.shape[-2:], mode="bilinear", align_corners=True
        )


def _mend_pyramid(decoder: nn.Module) -> None:
    """Replace PSPNet's own pooling for export, which holds for one size alone."""
    if isinstance(decoder, PSPDecoder):
        decoder.psp.blocks = nn.ModuleList(PyramidBlock(block.pool) for block in decoder.psp.blocks)


def _stride(model: nn.Module) -> int:
    stride = encoders.stride(model.encoder)  # type: ignore[arg-type]  # every model of the library has one
    if isinstance(model, smp.DPT):
        return math.lcm(stride, 32)
    return 8 * stride if isinstance(model, smp.PAN) else stride  # PAN halves the coarsest features three times more


def _keeps_size(network: LibrarySegmenter, in_channels: int) -> bool:
    """Run the network once, which also shows whether encoder and decoder fit together."""
    size = max(64, 2 * network.stride)
    network.eval()
    with torch.no_grad():
        logits = network.segment(torch.zeros(1, in_channels, size, size)).logits
    network.train()
    return tuple(logits.shape[-2:]) == (size, size)
