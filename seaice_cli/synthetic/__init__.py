"""Generated scenes of sea ice with their truth: for examples, tests, benchmarks, and as training scenes.

A scene shows the ice as MODIS true colour does (EPSG:3413, 250 m, red, green, blue in 8 bits): floes, leads, brash,
thin ice, open water, clouds, haze, noise, and corners without data. `generate` is a pure function of a recipe and
absolute pixel coordinates, so scenes of any size are written window by window.
"""

from seaice_cli.synthetic.recipe import REGIMES, SceneRecipe
from seaice_cli.synthetic.rendering import generate
from seaice_cli.synthetic.writing import write_scene

__all__ = ["REGIMES", "SceneRecipe", "generate", "write_scene"]
