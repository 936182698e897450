"""What the command line offers to choose from; tests/cli/test_choices.py holds it equal to the library's own tables.

Kept apart so that `seaice --help` need not import the library (and with it rasterio) to name them.
"""

DEFAULT_MODEL = "modis-truecolor"
ENGINES = ("auto", "openvino", "torch")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
AUGMENTATIONS = ("none", "flip", "d4")
FORMATS = ("cog", "png")
EXPORTS = ("safetensors", "onnx", "openvino")
ON_BAD_BLOCK = ("fail", "nodata")
GRIDS = (
    "psn25", "psn12.5", "psn6.25", "pss25", "pss12.5", "pss6.25", "psn-wgs84-25", "psn-wgs84-12.5", "psn-wgs84-6.25",
    "pss-wgs84-25", "pss-wgs84-12.5", "pss-wgs84-6.25", "ease2-n25", "ease2-n12.5", "ease2-n6.25", "ease2-s25", "ease2-s12.5",
    "ease2-s6.25", "osisaf-n25", "osisaf-s25",
)  # fmt: skip
RULES = ("latest", "majority", "probability")
