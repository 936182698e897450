"""Models by name and by folder, and their files."""

import shutil

import pytest

from seaice_cli.errors import ModelError
from seaice_cli.network import catalog
from seaice_cli.network.spec import ONNX_FILE


def test_unknown_models_are_refused_with_the_names_of_known_ones():
    with pytest.raises(ModelError, match="neither a shipped model"):
        catalog.find_model("no-such-model")


def test_a_folder_is_a_model(two_class_model):
    assert catalog.find_model(two_class_model).spec.name == "two"


def test_a_changed_file_is_refused(tmp_path, two_class_model):
    folder = shutil.copytree(two_class_model, tmp_path / "model")
    model = catalog.find_model(folder)
    assert model.file(ONNX_FILE) == folder / ONNX_FILE
    with (folder / ONNX_FILE).open("ab") as file:
        file.write(b"!")
    with pytest.raises(ModelError, match="damaged or changed"):
        model.file(ONNX_FILE)
    (folder / ONNX_FILE).unlink()
    with pytest.raises(ModelError, match="incomplete"):
        model.file(ONNX_FILE)
