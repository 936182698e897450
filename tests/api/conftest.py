"""A small generated scene for the library's face."""

import pytest

from seaice_cli.synthetic import SceneRecipe, write_scene


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with `scene.tif` (256 x 256, true colour) and `truth.tif`."""
    folder = tmp_path_factory.mktemp("api")
    write_scene(folder / "scene.tif", SceneRecipe(seed=5, height=256, width=256), truth=folder / "truth.tif")
    return folder
