"""What can be chosen by name, as the command line offers it and the library checks it.

Apart from what implements the choices, so that `seaice --help` imports none of it.
"""

from typing import Literal, get_args

DEFAULT_MODEL = "modis-truecolor"

EngineName = Literal["auto", "openvino", "torch"]
ENGINES: tuple[str, ...] = get_args(EngineName)

Precision = Literal["auto", "float32", "bfloat16", "float16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

TestTimeAugmentation = Literal["none", "flip", "d4"]
AUGMENTATIONS: tuple[str, ...] = get_args(TestTimeAugmentation)

MaskFormat = Literal["cog", "png"]
FORMATS: tuple[str, ...] = get_args(MaskFormat)

ExportFormat = Literal["safetensors", "onnx", "openvino", "directory"]
EXPORTS: tuple[str, ...] = get_args(ExportFormat)

OnBadBlock = Literal["fail", "nodata"]
ON_BAD_BLOCK: tuple[str, ...] = get_args(OnBadBlock)
