"""What a network hands to the loss while it is trained."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Outputs(NamedTuple):
    """Logits and whatever else training looks at; in evaluation mode a network returns the logits alone.

    A tuple of tuples, so that wrappers for several GPUs and for mixed precision find every tensor in it.
    """

    logits: Tensor
    """(N, classes, H, W), of the size of the input."""
    auxiliary: tuple[tuple[Tensor, float], ...] = ()
    """Logits of further heads, each with the weight of its loss; of the input's size or of a coarser one."""
    edges: tuple[Tensor, ...] = ()
    """Logits (N, 1, H, W) of "here two classes meet", of the size of the input."""
    points: tuple[tuple[Tensor, Tensor], ...] = ()
    """Logits (N, classes, P) of single pixels, and these pixels as (row, col): int64, (N, P, 2)."""

    @property
    def has_more(self) -> bool:
        """Whether there is anything besides the logits."""
        return bool(self.auxiliary or self.edges or self.points)
