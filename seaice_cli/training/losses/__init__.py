"""Losses by name, alone or summed: `ce:1,dice:1,boundary:0.5`.

    pixelwise   ce  weighted-ce  bce  focal  ohem
    overlap     dice  classwise-dice  gdice  pgdice  jaccard  tversky  lovasz
    boundary    boundary

All of them take logits and class ids, leave out pixels whose id is `ignore`, and compute in float32 whatever the network
computes in. Where nothing counts (a batch of ignored pixels, an absent class) the gradient is zero, never NaN.
"""

from seaice_cli.training.losses.boundary import edge_target
from seaice_cli.training.losses.parsing import LOSSES, Loss, parse_loss
from seaice_cli.training.losses.supervision import training_loss

__all__ = ["LOSSES", "Loss", "edge_target", "parse_loss", "training_loss"]
