"""Settings under a name: what the papers and contest solutions used, and what works well here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TURNS = "hflip:0.5,vflip:0.5,rot90:0.5"
_ISAID = (
    "background", "ship", "storage_tank", "baseball_diamond", "tennis_court", "basketball_court", "ground_track_field",
    "bridge", "large_vehicle", "small_vehicle", "helicopter", "swimming_pool", "roundabout", "soccer_ball_field",
    "plane", "harbor",
)  # fmt: skip
_NAIC_HEADS = {"auxiliary": 0.4, "psp_dropout": 0.1}
_POINTFLOW = {
    "architecture": "pointflow",
    "loss": "ohem(threshold=0.7,keep=10000):1",
    "augment": f"{_TURNS},blur:0.5",
    "optimizer": "sgd(momentum=0.9,nesterov=no)",
    "weight_decay": 1e-4,
    "schedule": "poly(power=0.9,by=epoch)",  # an epoch is `eval_every` steps
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "fast": {
        "architecture": "unet",
        "encoder": "resnet18",
        "encoder_weights": "none",
        "network": {"encoder_depth": 4, "decoder_channels": [64, 32, 16, 8], "detail": 8, "detail_features": 8},
        "loss": "ce:1,dice:1",
        "augment": f"{_TURNS},light:0.15,color:0.03,noise:0.02",
        "scale": (0.8, 1.25),
        "ema": 0.99,
        "schedule": "warmup(share=0.05):cosine",
        "steps": 1000,
    },
    "accurate": {
        "architecture": "unet",
        "encoder": "resnet34",
        "network": {"encoder_depth": 5, "decoder_channels": [256, 128, 64, 32, 16], "detail": 16},
        "loss": "ce:1,dice:1",
        "augment": f"{_TURNS},shade:0.3,light:0.2,color:0.04,blur:0.2,noise:0.03,collar:0.1",
        "scale": (0.6, 1.5),
        "ema": 0.998,
        "schedule": "warmup(share=0.01):cosine",
        "steps": 20000,
        "eval_every": 500,
        "patience": 10,
    },
    # Kang et al. (2022): partial EfficientNet-lite3, depthwise residual decoder with scSE, deep supervision.
    "kang": {
        "architecture": "kang",
        "encoder": "timm-tf_efficientnet_lite3",
        "mean": (127.5, 127.5, 127.5),
        "std": (31.875, 31.875, 31.875),
        "loss": "ce:1,classwise-dice:1,boundary:1",
        "augment": _TURNS,  # a mirror image and any number of quarter turns: all eight alike
        "optimizer": "sgd(momentum=0.9,nesterov=yes)",
        "lr": 5e-3,
        "weight_decay": 1e-4,
        "schedule": "poly(power=0.9)",
        "batch": 8,
        "crop": 512,
        "steps": 45600,  # 200 epochs of 228 batches, scored after each
        "eval_every": 228,
        "metric": "fwiou",
        "precision": "fp32",
    },
    # NAIC 2020: PSPNet with an auxiliary head, first at output stride 16, then at 8 from the last weights of the first.
    "naic": {
        "architecture": "pspnet",
        "encoder": "tu-resnet101c",
        "mean": (123.675, 116.28, 103.53),
        "std": (58.395, 57.12, 57.375),
        "loss": "ce:1",
        "augment": "none",
        "optimizer": "sgd(momentum=0.9,nesterov=no)",
        "weight_decay": 5e-4,
        "schedule": "poly(power=0.9,floor=1e-4)",
        "batch": 4,
        "crop": 512,
        "steps": 320000,
        "eval_every": 8000,
        "stages": (
            {"network": {"output_stride": 16, **_NAIC_HEADS}, "lr": 1e-2, "keep": "last"},
            {"network": {"output_stride": 8, **_NAIC_HEADS}, "lr": 1e-3},
        ),
    },
    # PointFlow (CVPR 2021) as it was trained for the two Gaofen tracks: 64 epochs, scored after each.
    "pointflow": {
        **_POINTFLOW,
        "encoder": "tu-res2net101_26w_4s",
        "mean": (127.5, 127.5, 127.5),
        "std": (127.5, 127.5, 127.5),
        "lr": 1e-3,
        "batch": 8,
        "crop": 512,
        "steps": 16000,
        "eval_every": 250,
    },
    # The same on iSAID: 20 epochs. `resnet50d` begins, as its encoder did, with three convolutions of 3 x 3.
    "pointflow-isaid": {
        **_POINTFLOW,
        "encoder": "tu-resnet50d",
        "network": {"dilated": True},
        "mean": (123.675, 116.28, 103.53),
        "std": (58.395, 57.12, 57.375),
        "palette": "isaid",
        "classes": _ISAID,
        "ice": "ship",
        "lr": 7e-3,
        "batch": 4,
        "crop": 896,
        "steps": 35000,
        "eval_every": 1750,
    },
}
"""By name; what a preset leaves open has the default of `TrainOptions`."""
