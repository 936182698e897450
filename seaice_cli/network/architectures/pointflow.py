"""PointFlow: on the way from coarse to fine features, meaning flows only at points, salient ones and those on edges.

Li, X. et al.: PointFlow: Flowing Semantics Through Points for Aerial Image Segmentation, CVPR 2021, 4217-4226.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seaice_cli.errors import ModelError
from seaice_cli.network.architectures import encoders
from seaice_cli.network.architectures.heads import ConvNorm
from seaice_cli.network.architectures.outputs import Outputs
from seaice_cli.network.architectures.pooling import AveragePool, pool_maxima
from seaice_cli.network.architectures.segmenter import Segmenter, enlarge


class PointFlowSegmenter(Segmenter):
    """Encoder, pyramid pooling, three point flows, and a head over all levels; edges are learned beside."""

    def __init__(self, encoder: nn.Module, *, classes: int, flow: PointFlowSizes, grids: Sequence[int]) -> None:
        """Put the head onto an encoder with features at 1/4 to 1/32 of the size; see `build`."""
        super().__init__(encoders.stride(encoder))
        self.encoder = encoder
        *finer, coarsest = encoders.channels(encoder)[2:]
        width = flow.width
        self.pyramid = PyramidPooling(coarsest, width, grids)
        self.laterals = nn.ModuleList(ConvNorm(inputs, width) for inputs in reversed(finer))
        self.flows = nn.ModuleList(PointFlow(flow) for _ in finer)
        self.smooths = nn.ModuleList(ConvNorm(width, width, 3) for _ in finer)
        levels = width * (len(finer) + 1)
        self.segmentation_head = nn.Sequential(ConvNorm(levels, width, 3), nn.Conv2d(width, classes, 1))

    def segment(self, image: Tensor) -> Outputs:
        """Return the logits, and in training mode those of edges at three levels, all in the size of the image."""
        *finer, coarsest = self.encoder(image)[2:]
        carried = self.pyramid(coarsest)
        levels, edges = [carried], []
        steps = zip(reversed(finer), self.laterals, self.flows, self.smooths, strict=True)
        for features, lateral, flow, smooth in steps:
            low = lateral(features)
            flowed, edge = flow(carried, low)
            carried = low + flowed
            levels.append(smooth(carried))
            edges.append(edge)
        size = image.shape[-2:]
        fused = torch.cat([_aligned(level, levels[-1].shape[-2:]) for level in reversed(levels)], dim=1)
        logits = enlarge(self.segmentation_head(fused), size)
        return Outputs(logits, edges=tuple(enlarge(e, size) for e in edges) if self.training else ())


class PointFlowSizes:
    """The numbers of a point flow: channels, channels for matching, grids of the two poolings, points on edges."""

    def __init__(self, *, width: int, match: int, salient: int, smooth: int, points: int) -> None:
        """Set the numbers; all of them are at least 1."""
        if min(width, match, salient, smooth, points) < 1:
            raise ModelError("pointflow: width, match, salient, smooth and points must be 1 or more")
        self.width, self.match, self.salient, self.smooth, self.points = width, match, salient, smooth, points


class PyramidPooling(nn.Module):
    """Means over the cells of some grids, beside the features themselves."""

    def __init__(self, inputs: int, outputs: int, grids: Sequence[int]) -> None:
        """Set the numbers of channels that come in and go out, and of cells along either axis of every grid."""
        super().__init__()
        self.grids = nn.ModuleList(
            nn.Sequential(AveragePool(cells), ConvNorm(inputs, outputs, activate=False)) for cells in grids
        )
        self.join = nn.Sequential(ConvNorm(inputs + len(grids) * outputs, outputs), nn.Dropout(0.1))

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, outputs, h, w) for (N, inputs, h, w)."""
        pooled = [_aligned(grid(features), features.shape[-2:]) for grid in self.grids]
        joined: Tensor = self.join(torch.cat((features, *pooled), dim=1))
        return joined


class PointFlow(nn.Module):
    """Finds points in the coarse features and adds what they mean to the fine features at the same places."""

    def __init__(self, sizes: PointFlowSizes) -> None:
        """Set the numbers of channels, grid cells and points."""
        super().__init__()
        width, match = sizes.width, sizes.match
        self.sizes = sizes
        self.match_high = nn.Conv2d(width, match, 1)
        self.match_low = nn.Conv2d(width, match, 1)
        self.certainty = nn.Conv2d(2 * match, 1, 3, padding=1)
        self.smooth = AveragePool(sizes.smooth)
        self.edge = nn.Sequential(ConvNorm(width, width, 3), nn.Conv2d(width, 1, 3, padding=1, bias=False))

    def forward(self, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fine features with the coarse ones added at points, and the logits of edges.

        Args:
            high: Coarse features (N, C, h, w).
            low: Fine features (N, C, H, W).

        Returns:
            (N, C, H, W), and (N, 1, h, w).
        """
        size = high.shape[-2:]
        matched = torch.cat((self.match_high(high), _aligned(self.match_low(low), size)), dim=1)
        certainty = torch.sigmoid(self.certainty(matched))
        edge = self.edge(high - high * _aligned(self.smooth(certainty), size))
        on_edge = edge.flatten(1).topk(torch.sym_min(self.sizes.points, size[0] * size[1]), dim=1).indices
        maxima, where = pool_maxima(certainty, self.sizes.salient)
        salient = where.flatten(1)
        high_salient = high + high * _aligned(maxima, size)

        # The low features at the centres of high pixels are means of low pixels; at salient points single low pixels.
        low_at_high = enlarge(low, size)
        edge_low = _places(on_edge, size, low.shape[-2:])
        salient_low = _places(salient, size, low.shape[-2:])
        from_edge = flow(_take(high, on_edge), _take(low_at_high, on_edge))
        from_salient = flow(_take(high_salient, salient), _take(low, salient_low))
        return _put(_put(low, edge_low, from_edge), salient_low, from_salient), edge


def flow(high: Tensor, low: Tensor) -> Tensor:
    """Add to every low point the mean of the high points, weighted by how alike they are.

    Args:
        high: Features (N, C, P) of points in the coarse map.
        low: Features (N, C, Q) of points in the fine map.

    Returns:
        (N, C, Q).
    """
    affinity = torch.softmax(low.transpose(1, 2) @ high, dim=-1)
    return low + (high @ affinity.transpose(1, 2)).to(low.dtype)


def build(  # noqa: PLR0913 - one argument per option of model.json
    *,
    encoder: str,
    encoder_weights: str | Path | None,
    in_channels: int,
    classes: int,
    width: int = 256,
    match: int = 64,
    salient: int = 14,
    smooth: int = 9,
    points: int = 128,
    grids: Sequence[int] = (1, 2, 3, 6),
    dilated: bool = False,
) -> PointFlowSegmenter:
    """Return the network.

    Args:
        encoder: A name of segmentation_models_pytorch, or `tu-` and a name of timm, such as `tu-res2net101_26w_4s`.
        encoder_weights: None, the name of published weights, or a file.
        in_channels: Number of bands.
        classes: Number of classes.
        width: Channels of the head.
        match: Channels of the map of certainty.
        salient: Cells along either axis in each of which one salient point is found.
        smooth: Cells along either axis of the certainty that is taken off before edges are sought.
        points: Most points on edges.
        grids: Cells along either axis of the grids that the coarsest features are pooled to.
        dilated: Whether the last two stages of a residual network are dilated by 2 and 4; they halve the size as ever.

    Raises:
        ModelError: Something is unknown, or does not fit together.
    """
    sizes = PointFlowSizes(width=width, match=match, salient=salient, smooth=smooth, points=points)
    body = encoders.build_encoder(encoder, weights=encoder_weights, in_channels=in_channels)
    if len(encoders.channels(body)) < 4:
        raise ModelError(f"pointflow: encoder {encoder} has too few stages")
    if not grids or min(grids) < 1:
        raise ModelError("pointflow: grids must be one or more numbers of cells")
    if dilated:
        encoders.dilate(body, {"layer3": 2, "layer4": 4})
    return PointFlowSegmenter(body, classes=classes, flow=sizes, grids=grids)


def _aligned(maps: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=True)


def _take(maps: Tensor, places: Tensor) -> Tensor:
    """Return (N, C, P) of maps (N, C, h, w) at places (N, P) of the flattened map."""
    return maps.flatten(2).gather(2, places[:, None].expand(-1, maps.shape[1], -1))


def _put(maps: Tensor, places: Tensor, values: Tensor) -> Tensor:
    where = places[:, None].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).scatter(2, where, values.to(maps.dtype)).view(maps.shape)


def _places(places: Tensor, size: torch.Size, fine: torch.Size) -> Tensor:
    """Return where points of a map of one size lie in a finer map; rows and columns are scaled each on their own."""
    row = places // size[1]
    column = places - row * size[1]
    return (row * fine[0] // size[0]) * fine[1] + column * fine[1] // size[1]
