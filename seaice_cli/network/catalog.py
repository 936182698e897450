"""The models that come with the package, by name, and any model directory by path."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from seaice_cli.errors import ModelError
from seaice_cli.network.spec import SPEC_FILE, ModelSpec, read_spec


@dataclass(frozen=True, slots=True)
class Model:
    """A model directory and its specification."""

    directory: Path
    spec: ModelSpec

    def file(self, name: str) -> Path:
        """Return the path of a file in the directory, after its sha256 was found as the spec records it.

        Raises:
            ModelError: The file is missing or differs from what the spec records.
        """
        path = self.directory / name
        recorded = self.spec.sha256.get(name)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest() if recorded else ""
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}); the model is incomplete") from error
        if recorded and digest != recorded:
            raise ModelError(
                f"{path}: damaged or changed (its sha256 is not the one in {SPEC_FILE}); get the model anew"
            )
        return path


def models_folder() -> Path:
    """Return the folder of the shipped models: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def shipped() -> list[str]:
    """Return the names of the shipped models."""
    folder = models_folder()
    return sorted(p.parent.name for p in folder.glob(f"*/{SPEC_FILE}")) if folder.is_dir() else []


def find_model(name: str | Path) -> Model:
    """Return the shipped model of that name, or the model in that directory.

    Raises:
        ModelError: There is neither, or its specification is not valid.
    """
    text = str(name)
    directory = models_folder() / text if text in shipped() else Path(text)
    if not directory.is_dir():
        raise ModelError(
            f"model {text!r}: neither a shipped model ({', '.join(shipped()) or 'none'}) nor a model directory"
        )
    return Model(directory, read_spec(directory))
