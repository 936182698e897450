"""From options to what a run works with: scenes to learn from, scenes to validate on, and the model's specification."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seaice_cli.data.labels.encoding import LabelEncoding, of_names, parse_values
from seaice_cli.data.labels.palettes import IGNORE, find_palette
from seaice_cli.data.labels.reading import detect_encoding
from seaice_cli.data.samples import Sample, read_samples
from seaice_cli.data.splitting import refuse_leaks, split_samples
from seaice_cli.data.statistics import WEIGHTINGS, Statistics, measure
from seaice_cli.errors import DataError, OptionError
from seaice_cli.network.spec import DTYPES, IceClass, ModelSpec
from seaice_cli.training.crops.dataset import FileScene, GeneratedScene, SceneStore, TrainingScene
from seaice_cli.training.crops.sampling import Plan, find_places, scene_weights
from seaice_cli.training.crops.spatial_blocks import split_blocks
from seaice_cli.training.finetuning import SceneReading, adapted, first_temperature, rehearsed
from seaice_cli.training.options import COLORS, TrainOptions

log = logging.getLogger(__name__)

BLOCK_SHARE = 0.2
"""Of the labelled pixels of a single scene that are kept for validation."""


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """The inputs of a training run: scenes, specification, sampling plan, class weights."""

    options: TrainOptions
    """As told, but for what scenes of another kind than the parent's made different."""
    spec: ModelSpec
    train: SceneStore
    """The scenes of the data, then the generated ones."""
    val: SceneStore
    plan: Plan
    class_weights: tuple[float, ...] | None
    same_scenes: bool = False
    """Whether validation is on blocks of the scenes that are learnt from."""


def prepare(options: TrainOptions) -> TrainingInputs:
    """Read the lists, split them if need be, look at the data, and make the specification.

    Raises:
        DataError: A list, an image or a label is missing, damaged or does not fit the others.
        OptionError: Options do not fit the data.
    """
    own, factors, val = _samples(options)
    again = rehearsed(options)
    options = adapted(options, [*own, *val])
    train = [*own, *again]
    encoding = _encoding(options, [*train, *val])
    files, checked = (_open(options, samples, encoding) for samples in (train, val))
    _refuse_mixture([*files, *checked])
    statistics = _statistics(options, own, encoding)
    spec = dataclasses.replace(_spec(options, files[0], statistics), temperature=first_temperature(options))
    _refuse_generated(options, spec)
    weights = _rehearsing(options, scene_weights(files, [*factors, *[1.0] * len(again)]), len(own))
    learnt: list[TrainingScene] = list(files)
    judged: list[TrainingScene] = list(checked)
    if not val:
        learnt[: len(own)], judged = split_blocks(files[: len(own)], len(options.classes), BLOCK_SHARE, options.seed)
    generated = [GeneratedScene(options.seed + n) for n in range(options.generated_scenes)] if options.generated else []
    store = SceneStore([*learnt, *generated])
    plan = _plan(options, store, weights)
    weighting = _class_weights(options, statistics)
    return TrainingInputs(options, spec, store, SceneStore(judged), plan, weighting, same_scenes=not val)


def _open(options: TrainOptions, samples: Sequence[Sample], encoding: LabelEncoding) -> list[FileScene]:
    if not options.init_from or not options.band_names:
        return [FileScene(s, encoding, list(options.bands) or None) for s in samples]
    reading = SceneReading(options)
    opened = []
    for sample in samples:
        bands, conversion, _ = reading.of(sample.image)
        opened.append(FileScene(sample, encoding, bands, conversion=conversion))
    return opened


def _rehearsing(options: TrainOptions, weights: npt.NDArray[np.float64], own: int) -> npt.NDArray[np.float64]:
    """Give the scenes behind the first `own` ones the share that `rehearse` says."""
    if not options.rehearse:
        return weights
    shares = np.r_[
        weights[:own] / weights[:own].sum() * (1 - options.rehearse),
        weights[own:] / weights[own:].sum() * options.rehearse,
    ]
    return np.asarray(shares)


def _samples(options: TrainOptions) -> tuple[list[Sample], list[float], list[Sample]]:
    """Return training samples, how often each is drawn beyond its size, and validation samples."""
    if not options.data:
        raise OptionError("`data`: name a csv, a json list or a folder to learn from")
    folders = {
        "image_dir": Path(options.image_dir) if options.image_dir else None,
        "label_dir": Path(options.label_dir) if options.label_dir else None,
    }
    weights = options.data_weights or (1.0,) * len(options.data)
    pairs = [
        (sample, weight)
        for source, weight in zip(options.data, weights, strict=True)
        for sample in read_samples(Path(source), **folders)
    ]
    if options.val:
        train, val = [s for s, _ in pairs], [s for v in options.val for s in read_samples(Path(v), **folders)]
        refuse_leaks(train, val)
    elif len({s.group for s, _ in pairs}) == 1:
        train, val = [s for s, _ in pairs], []
        log.info("one scene only: validation is on blocks of it that are not learnt from")
    else:
        train, val = split_samples([s for s, _ in pairs], (1 - options.val_share, options.val_share), seed=options.seed)
        log.info("set aside for validation: %s", ", ".join(str(s.image) for s in val))
    for sample in [*train, *val]:
        if sample.label is None:
            raise DataError(f"{sample.image}: has no label; training and validation need one for every image")
    chosen = {id(s) for s in train}
    return train, [w for s, w in pairs if id(s) in chosen], val


def _encoding(options: TrainOptions, samples: Sequence[Sample]) -> LabelEncoding:
    values = parse_values(options.values).with_names(options.classes) if options.values else None
    if values is None and options.attribute:
        values = of_names(options.classes)
    encoding = LabelEncoding(
        classes=len(options.classes),
        values=values,
        palette=find_palette(options.palette) if options.palette else None,
        attribute=options.attribute or None,
        background=options.background,
    )
    if encoding.background >= encoding.limit and encoding.background != IGNORE:
        raise OptionError(
            f"background {encoding.background} is none of the {encoding.limit} classes; 255 ignores the rest"
        )
    return detect_encoding(samples, encoding)


def _refuse_mixture(scenes: Sequence[FileScene]) -> None:
    first = scenes[0]
    for scene in scenes[1:]:
        if len(scene.bands) != len(first.bands) or scene.dtype != first.dtype:
            raise DataError(
                f"{scene.name}: has {len(scene.bands)} bands of {scene.dtype} where {first.name} has "
                f"{len(first.bands)} of {first.dtype}; train on scenes of one kind, or choose bands"
            )


def _statistics(options: TrainOptions, train: Sequence[Sample], encoding: LabelEncoding) -> Statistics | None:
    """Quicklook at all training data once, if anything is to be found out from it."""
    if options.mean and (options.class_weights == "none" or options.class_weights not in WEIGHTINGS):
        return None
    return measure(train, encoding)


def _spec(options: TrainOptions, scene: FileScene, statistics: Statistics | None) -> ModelSpec:
    dtype = str(scene.dtype) if str(scene.dtype) in DTYPES else "float32"
    count = len(scene.bands)
    names = options.band_names or (("red", "green", "blue") if count == 3 else tuple(f"band{b}" for b in scene.bands))
    mean, std = options.mean, options.std
    if not mean and statistics is not None:
        chosen = [b - 1 for b in scene.bands]  # the statistics are those of all bands
        mean = tuple(float(round(v, 4)) for v in statistics.bands.mean[chosen])
        std = tuple(float(max(round(v, 4), 1e-4)) for v in statistics.bands.std[chosen])
    mean, std = (values * count if len(values) == 1 else values for values in (mean, std))
    if not len(mean) == len(std) == len(names) == count:
        raise OptionError(f"mean, std and band_names: the images have {count} bands")
    colors = options.colors or COLORS
    return ModelSpec(
        name=options.name,
        architecture=options.architecture,
        encoder=options.encoder,
        options=dict(options.network),
        bands=tuple(names),
        dtype=dtype,
        valid_range=_valid_range(options, dtype, statistics),
        mean=mean,
        std=std,
        classes=tuple(IceClass(n, _color(colors[i % len(colors)])) for i, n in enumerate(options.classes)),
        ice=options.classes.index(options.ice),
        resolution=options.resolution or None,
        stretch=options.stretch,
        stride=options.stride,
        description=options.description,
        license=options.license,
    )


def _valid_range(options: TrainOptions, dtype: str, statistics: Statistics | None) -> tuple[float, float]:
    if options.valid_range:
        return options.valid_range[0], options.valid_range[1]
    if dtype == "uint8":
        return 0.0, 255.0
    if statistics is None:
        raise OptionError("valid_range: state it where mean and std are stated and the data is not of 8 bits")
    low, high = float(statistics.bands.low.min()), float(statistics.bands.high.max())
    return low, high if high > low else low + 1.0


def _color(text: str) -> tuple[int, int, int]:
    try:
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
    except ValueError as error:
        raise OptionError(f"color {text!r}: write it as #rrggbb") from error
    return red, green, blue


def _refuse_generated(options: TrainOptions, spec: ModelSpec) -> None:
    if options.generated and (len(spec.bands) != 3 or spec.dtype != "uint8" or len(spec.classes) != 3):
        raise OptionError("generated: generated scenes have three bands of 8 bits and the classes water, ice, cloud")


def _plan(options: TrainOptions, store: SceneStore, weights: npt.NDArray[np.float64]) -> Plan:
    balanced = options.sampler == "balanced"
    plan = Plan(
        batch=options.batch,
        crop=options.crop,
        scale=(options.scale[0], options.scale[1]),
        seed=options.seed,
        weights=weights,
        generated=options.generated,
        places=find_places(store, len(options.classes), weights) if balanced else None,
        shares=options.class_shares or (1.0,) * len(options.classes),
    )
    if plan.places is not None and not any(len(p.at) for p in plan.places):
        raise DataError(f"{options.data[0]}: no class covers enough of any scene to be drawn from; sample uniformly")
    return plan


def _class_weights(options: TrainOptions, statistics: Statistics | None) -> tuple[float, ...] | None:
    if options.class_weights == "none":
        return None
    if options.class_weights in WEIGHTINGS and statistics is not None:
        weights = WEIGHTINGS[options.class_weights](statistics)
        return tuple(float(w) for w in weights / max(float(weights.mean()), 1e-12))
    try:
        numbers = tuple(float(w) for w in options.class_weights.split(","))
    except ValueError as error:
        raise OptionError(f"class_weights: none, {', '.join(WEIGHTINGS)}, or numbers such as 1,2") from error
    if len(numbers) != len(options.classes) or min(numbers) < 0:
        raise OptionError(f"class_weights: {len(options.classes)} numbers, none below 0")
    return numbers


def reseeded(plan: Plan, weights: npt.NDArray[np.float64]) -> Plan:
    """Return a plan that draws scenes by other weights."""
    return dataclasses.replace(plan, weights=weights)
