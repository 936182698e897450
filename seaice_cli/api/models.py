"""`load_model`: a model that stays loaded from scene to scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

import numpy.typing as npt
from affine import Affine

from seaice_cli.api.parameters import PredictParameters, StrPath
from seaice_cli.api.prediction import Prediction, predict_with
from seaice_cli.api.sources import Placement, Source
from seaice_cli.choices import DEFAULT_MODEL
from seaice_cli.network.catalog import find_model, shipped
from seaice_cli.network.engines import Engine
from seaice_cli.network.spec import ModelSpec
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.pipeline import Progress


def list_models() -> list[str]:
    """Return the names of the models that come with the package.

    >>> "modis-truecolor" in seaice.list_models()
    True
    """
    return shipped()


def load_model(name: StrPath = DEFAULT_MODEL) -> Model:
    """Return a shipped model by its name, or the model in a directory.

    >>> model = seaice.load_model("modis-truecolor")
    >>> model.spec.bands
    ('red', 'green', 'blue')

    Raises:
        ModelError: There is neither, or its specification is not valid.
    """
    found = find_model(Path(name) if not isinstance(name, str) else name)
    return Model(found.directory, found.spec)


class Model:
    """A model whose network is loaded once for every size of windows and every way to compute.

    Args:
        directory: The model directory.
        spec: What it says of itself.
    """

    def __init__(self, directory: Path, spec: ModelSpec) -> None:
        self.directory, self.spec = directory, spec
        self._engines: dict[tuple[Any, ...], Engine] = {}

    def __repr__(self) -> str:
        return f"<Model {self.spec.name}: {', '.join(self.spec.bands)} to {', '.join(self.spec.class_names)}>"

    def predict(
        self,
        source: Source,
        target: StrPath | None = None,
        *,
        transform: Affine | None = None,
        crs: Any = None,
        progress: Progress | None = None,
        **options: Unpack[PredictParameters],
    ) -> Prediction:
        """Map the ice of a scene with this model; see `seaice_cli.predict`.

        Raises:
            SeaIceError: Whatever a user can cause.
            TypeError: There is no parameter of a name.
        """
        placement = Placement(transform=transform, crs=crs)
        return predict_with(self._open, source, target, placement, progress, {**options, "model": str(self.directory)})

    def predict_array(self, pixels: npt.NDArray[Any], **options: Unpack[PredictParameters]) -> Prediction:
        """Map the ice of an array (bands, height, width) in the units of the model, that lies nowhere.

        >>> import numpy as np
        >>> model = seaice.load_model()
        >>> model.predict_array(np.full((3, 64, 96), 200, "uint8")).mask.shape
        (64, 96)

        Raises:
            SeaIceError: Whatever a user can cause.
            TypeError: There is no parameter of a name.
        """
        return self.predict(pixels, **options)

    def _open(self, job: Job) -> Engine:
        o = job.options
        key = (job.grid.shape, o.engine, o.device, o.precision, o.batch_size, o.threads)
        if key not in self._engines:
            self._engines[key] = job.open_engine()
        return self._engines[key]
