"""What the command line offers to choose from; tests/cli/test_choices.py holds it equal to the library's own tables.

Kept apart so that `seaice --help` need not import the library (and with it rasterio) to name them.
"""

DEFAULT_MODEL = "modis-truecolor"
ENGINES = ("auto", "openvino", "torch")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
AUGMENTATIONS = ("none", "flip", "d4")
FORMATS = ("cog", "png")
EXPORTS = ("safetensors", "onnx", "openvino", "directory")
ON_BAD_BLOCK = ("fail", "nodata")
