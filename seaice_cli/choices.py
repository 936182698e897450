"""What can be chosen by name, as the command line offers it and the library checks it.

Apart from what implements the choices, so that `seaice --help` imports none of it.
"""

from typing import Literal, get_args

DEFAULT_MODEL = "modis-truecolor"

EngineName = Literal["auto", "openvino", "torch"]
ENGINES: tuple[str, ...] = get_args(EngineName)

Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

TestTimeAugmentation = Literal["none", "flip", "d4"]
AUGMENTATIONS: tuple[str, ...] = get_args(TestTimeAugmentation)

MaskFormat = Literal["cog", "png"]
FORMATS: tuple[str, ...] = get_args(MaskFormat)

ExportFormat = Literal["safetensors", "onnx", "openvino", "directory"]
EXPORTS: tuple[str, ...] = get_args(ExportFormat)

OnBadBlock = Literal["fail", "nodata"]
ON_BAD_BLOCK: tuple[str, ...] = get_args(OnBadBlock)

GridName = Literal[
    "psn25", "psn12.5", "psn6.25", "pss25", "pss12.5", "pss6.25", "psn-wgs84-25", "psn-wgs84-12.5", "psn-wgs84-6.25",
    "pss-wgs84-25", "pss-wgs84-12.5", "pss-wgs84-6.25", "ease2-n25", "ease2-n12.5", "ease2-n6.25", "ease2-s25", "ease2-s12.5",
    "ease2-s6.25", "osisaf-n25", "osisaf-s25",
]  # fmt: skip
GRIDS: tuple[str, ...] = get_args(GridName)

CompositeRule = Literal["latest", "majority", "probability"]
RULES: tuple[str, ...] = get_args(CompositeRule)

SceneSource = Literal["gibs-truecolor", "gibs-721", "gibs-corrected", "viirs"]
SOURCES: tuple[str, ...] = get_args(SceneSource)

ARCHITECTURES: tuple[str, ...] = (
    "deeplabv3", "deeplabv3plus", "dpt", "fcn", "fpn", "hourglass", "hrnet", "kang", "linknet", "manet", "pan", "pointflow",
    "pointrend", "pspnet", "segformer", "unet", "unetplusplus", "upernet",
)  # fmt: skip
LOSSES: tuple[str, ...] = (
    "bce", "boundary", "ce", "classwise-dice", "dice", "focal", "gdice", "jaccard", "lovasz", "ohem", "pgdice", "tversky",
    "weighted-ce",
)  # fmt: skip
"""For shells to complete, where torch is not imported."""
