"""Fine-tuning: scenes read as the parent of a model reads them, its own data seen again, and what the card tells of it."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seaice_cli.data.samples import Sample, read_samples
from seaice_cli.errors import DataError, ModelError, SceneError
from seaice_cli.network.spec import SPEC_FILE, ModelSpec
from seaice_cli.raster.reading.conversion import Conversion
from seaice_cli.raster.reading.radiometry import Radiometry
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.raster.reading.sensors import Sensor, choose_bands, recognise
from seaice_cli.training.inheritance import RECIPE, parent_of
from seaice_cli.training.options import TrainOptions

UNKNOWN_LIGHT = "hflip:0.5,vflip:0.5,rot90:0.5,light:0.2,noise:0.01"
"""The augmentation where nobody knows how values came about: the next photograph is exposed in another way."""

OTHER_BANDS: Mapping[str, Any] = {"lr": 5e-3, "scale": (0.3, 1.0)}
"""What changes of the recipe where the parent reads other bands: more to learn, at scales that are not the parent's."""


def adapted(options: TrainOptions, samples: Sequence[Sample]) -> TrainOptions:
    """Return options that fit scenes of another kind than the parent reads: other bands, values of an unknown stretch.

    Raises:
        DataError: A scene holds values that the parent cannot take.
    """
    parent = parent_of(options.init_from)
    if parent is None or not samples or options.band_names != parent.spec.bands:
        return options
    reading = SceneReading(options)
    kinds = [reading.of(sample.image) for sample in samples]
    augment = UNKNOWN_LIGHT if options.augment == RECIPE["augment"] else options.augment
    if any(len(bands) != len(parent.spec.bands) for bands, _, _ in kinds):
        grey = len(kinds[0][0]) == 1
        recipe = {name: value for name, value in OTHER_BANDS.items() if getattr(options, name) == RECIPE[name]}
        return dataclasses.replace(
            options, band_names=("grey",) if grey else (), mean=(), std=(), stretch="", resolution=0.0, augment=augment,
            **recipe,
        )  # fmt: skip
    known = all(conversion is not None or (sensor is None or sensor.is_picture) for _, conversion, sensor in kinds)
    return options if known else dataclasses.replace(options, stretch="", augment=augment)


class SceneReading:
    """How scenes are read for a model that starts from another: the bands that it names, in the values that it knows.

    Args:
        options: Of the training.
    """

    def __init__(self, options: TrainOptions) -> None:
        self._options = options

    def of(self, image: Path) -> tuple[tuple[int, ...], Conversion | None, Sensor | None]:
        """Return which bands of an image to read, how its values become the model's, and its sensor.

        Raises:
            DataError: The image cannot be read, or its values could mean several things.
        """
        o = self._options
        try:
            with Scene(str(image)) as scene:
                sensor = recognise(scene.facts) if o.stretch else None
                scene.select(o.bands or choose_bands(scene.facts, sensor, o.band_names, None))
                return scene.bands, self._conversion(scene, sensor), sensor
        except SceneError as error:
            raise DataError(str(error)) from error

    def _conversion(self, scene: Scene, sensor: Sensor | None) -> Conversion | None:
        o = self._options
        if not o.stretch or len(scene.bands) != len(o.band_names):
            return None
        low, high = o.valid_range
        whole = 0 <= low < high <= np.iinfo(np.uint8).max
        radiometry = Radiometry(
            bands=o.band_names, dtype=np.dtype("uint8" if whole else "float32"), valid_range=(low, high), fill=o.mean,
            stretch=o.stretch,
        )  # fmt: skip
        return radiometry.fitted(scene, sensor).conversion


def rehearsed(options: TrainOptions) -> list[Sample]:
    """Return the samples that the parent has learnt from, where they are to be seen again.

    Raises:
        DataError: The parent does not tell them, or they are not where it says.
    """
    parent = parent_of(options.init_from)
    if not options.rehearse:
        return []
    if parent is None:
        raise DataError("rehearse: needs a model to start from (`init_from`)")
    recipe = parent.directory / "train.toml"
    try:
        lists = tomllib.loads(recipe.read_text(encoding="utf-8")).get("data", [])
    except (OSError, ValueError) as error:
        raise DataError(
            f"{recipe}: does not tell what {parent.spec.name} has learnt from; leave `rehearse` out"
        ) from error
    try:
        return [sample for name in lists for sample in read_samples(parent.directory / str(name))]
    except DataError as error:
        raise DataError(
            f"{error}; `rehearse` needs the parent's data: run where its lists find it, or leave it out"
        ) from error


def first_temperature(options: TrainOptions) -> float:
    """Return the temperature that a model starts with: its parent's, as long as it tells the same classes apart."""
    parent = parent_of(options.init_from)
    return parent.spec.temperature if parent is not None and parent.spec.class_names == options.classes else 1.0


def lineage(options: TrainOptions) -> str:
    """Return what a model card says of the model that it started from; empty if it is none."""
    try:
        parent = parent_of(options.init_from)
    except ModelError:
        return ""
    if parent is None or not (parent.directory / SPEC_FILE).is_file():
        return ""
    spec: ModelSpec = parent.spec
    again = f", {options.rehearse:.0%} of the crops from its data" if options.rehearse else ""
    return f"{spec.name} {spec.version} (sha256 of its weights {spec.digest}){again}"
