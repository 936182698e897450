"""Position embeddings of vision transformers, resampled in the same way by torch and by an exported graph.

timm filters them while it resamples them, with a cubic kernel that exported graphs do not know: the same weights
would give other logits there. Without the filter both agree.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn


def mend_positions(encoder: nn.Module) -> None:
    """Let the transformer in an encoder resample its position embedding so that it can be exported."""
    model: Any = getattr(encoder, "model", None)
    plain = isinstance(model, VisionTransformer) and type(model)._pos_embed is VisionTransformer._pos_embed  # noqa: SLF001 - the one place where timm resamples
    if plain and model.dynamic_img_size and model.pos_embed is not None:
        model._pos_embed = MethodType(embed_positions, model)  # noqa: SLF001 - as above


def embed_positions(model: Any, patches: Tensor) -> Tensor:
    """Return tokens with their positions added: those of the whole image, then those of the patches.

    Args:
        model: The transformer.
        patches: (N, rows, columns, C).

    Returns:
        (N, tokens, C).
    """
    positions = resample_abs_pos_embed(
        model.pos_embed,
        new_size=list(patches.shape[1:3]),
        old_size=model.patch_embed.grid_size,
        num_prefix_tokens=0 if model.no_embed_class else model.num_prefix_tokens,
        antialias=False,
    )
    whole = [t.expand(patches.shape[0], -1, -1) for t in (model.cls_token, model.reg_token) if t is not None]
    single = patches.flatten(1, 2)
    # Without positions for the tokens of the whole image, those of the patches are added before they are joined.
    joined = [*whole, single + positions] if model.no_embed_class else [*whole, single]
    tokens = torch.cat(joined, dim=1)
    embedded: Tensor = model.pos_drop(tokens if model.no_embed_class else tokens + positions)
    return embedded
