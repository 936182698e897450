"""What `seaice eval` is given: scenes in pairs, and the criteria they are judged by."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seaice_cli.api.evaluation import legend_of
from seaice_cli.cli.shared.label_options import build_encoding, class_names
from seaice_cli.data.folders import list_folder
from seaice_cli.data.labels.encoding import LabelEncoding, parse_values
from seaice_cli.data.labels.reading import detect_encoding
from seaice_cli.data.samples import Sample, read_samples, scene_of
from seaice_cli.errors import DataError, OptionError
from seaice_cli.evaluation.criteria import Criteria, Pair, hidden_classes
from seaice_cli.evaluation.masks import Legend, named_classes
from seaice_cli.evaluation.metrics.boundaries import Distance
from seaice_cli.network.catalog import find_model

LABELS = ("values", "palette", "attribute", "layer", "background")


def labelled_scenes(o: dict[str, Any]) -> list[Pair]:
    """Return the labelled scenes of all lists of `--data`.

    Raises:
        DataError: A list cannot be read, or a scene has no label.
    """
    found = [
        _pair(sample.image, sample, source=source.name)
        for source in o["data"]
        for sample in read_samples(source, image_dir=o["image_dir"], label_dir=o["label_dir"])
    ]
    return [dataclasses.replace(pair, image=pair.predicted) for pair in found]


def scenes_of_model(model: Path, sources: Sequence[Path]) -> tuple[list[Pair], Criteria]:
    """Return the labelled scenes of lists, and what a model is judged by on them; what labels stand for is found from them.

    Raises:
        DataError: A list cannot be read, or a scene has no label.
    """
    o = dict.fromkeys(("image_dir", "label_dir", "classes", "ice", "hidden", *LABELS))
    o |= {"data": sources, "model": str(model), "background": 0, "boundary": ("3px",), "cells": (25.0,), "area": False}
    o |= {"min_object": 1, "predicted_values": None}
    pairs = labelled_scenes(o)
    return pairs, read_criteria(o, pairs)


def masks(o: dict[str, Any]) -> list[Pair]:
    """Return masks and references: of two files, two folders, a folder and a list, or a list alone.

    Raises:
        DataError: A list or folder cannot be read, or a file lacks its partner.
    """
    predicted, reference = o["predicted"], o["reference"]
    if reference is None:
        samples = read_samples(predicted, image_dir=o["image_dir"], label_dir=o["label_dir"])
        pairs = [_pair(s.image, s, source=predicted.name) for s in samples]
    elif predicted.is_file():
        pairs = [_pair(predicted, Sample(predicted, reference, ""), source="")]
    elif reference.is_dir():
        pairs = [_pair(s.image, s, source=predicted.name) for s in read_samples(predicted, label_dir=reference)]
    else:
        pairs = _listed_masks(o, predicted, reference)
    return [dataclasses.replace(p, probability=_probability(o["probability"], p)) for p in pairs]


def _listed_masks(o: dict[str, Any], folder: Path, source: Path) -> list[Pair]:
    """Return the masks of a folder for the scenes of a list, by the stems of the scenes."""
    masks = list_folder(folder)[0]
    pairs = []
    for sample in read_samples(source, image_dir=o["image_dir"], label_dir=o["label_dir"]):
        if sample.image.stem not in masks:
            raise DataError(f"{folder}: holds no mask {sample.image.stem}.* for {sample.image}")
        mask = masks[sample.image.stem]
        pairs.append(dataclasses.replace(_pair(mask, sample, source=source.name), image=sample.image))
    return pairs


def _pair(predicted: Path, sample: Sample, *, source: str) -> Pair:
    if sample.label is None:
        raise DataError(f"{sample.image}: has no label to compare with; leave it out of the list")
    name = sample.image.stem
    return Pair(
        predicted=predicted,
        reference=sample.label,
        name=name,
        group=sample.group or scene_of(sample.image),
        source=source,
    )


def _probability(given: Path | None, pair: Pair) -> Path | None:
    if given is None or not given.is_dir():
        return given
    found = list_folder(given)[0].get(pair.predicted.stem)
    if found is None:
        raise DataError(f"{given}: holds no probability {pair.predicted.stem}.* for {pair.predicted}")
    return found


def read_criteria(o: dict[str, Any], pairs: Sequence[Pair]) -> Criteria:
    """Return what is to be measured, and what values stand for: as told, else as the model or the masks say.

    Raises:
        OptionError: A class, a distance or a size is none.
        DataError: A file cannot be read.
    """
    names, ice = _classes(o, pairs)
    encoding = build_encoding(classes=",".join(names), **{name: o[name] for name in LABELS})
    samples = [Sample(p.predicted, p.reference, p.group) for p in pairs]
    hidden = _ids(o["hidden"], names) if o["hidden"] is not None else hidden_classes(names)
    return Criteria(
        classes=names,
        ice=ice,
        hidden=tuple(i for i in hidden if i != ice),
        distances=tuple(Distance.parse(text) for text in o["boundary"]),
        cells=tuple(dict.fromkeys(_positive(km) for km in o["cells"])),
        by_area=o["area"],
        smallest_object=o["min_object"],
        legend=legend_of(detect_encoding(samples, encoding), ice),
        predicted_legend=_predicted_legend(o, pairs, names),
    )


def _classes(o: dict[str, Any], pairs: Sequence[Pair]) -> tuple[tuple[str, ...], int]:
    """Return names and the id of ice: as told, else as the model or the first mask has them."""
    if o["data"]:
        spec = find_model(o["model"]).spec
        known = spec.class_names, spec.ice
    else:
        known = named_classes(pairs[0].predicted) or (("water", "ice"), 1)
    names = class_names(o["classes"]) or known[0]
    if len(names) < 2 or (o["data"] and len(names) != len(known[0])):
        raise OptionError(f"--classes: names {len(names)} classes, there are {len(known[0])}: {', '.join(known[0])}")
    if o["ice"]:
        return names, _ids(o["ice"], names)[0]
    if len(names) == len(known[0]):
        return names, known[1]
    return names, names.index("ice") if "ice" in names else 1


def _ids(text: str, names: tuple[str, ...]) -> tuple[int, ...]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise OptionError(f"there is no class {unknown[0]!r}; there are {', '.join(names)}")
    return tuple(names.index(name) for name in wanted)


def _positive(kilometres: float) -> float:
    if not 0 < kilometres < float("inf"):
        raise OptionError(f"--cells: {kilometres:g} is no size of a cell in km")
    return kilometres


def _predicted_legend(o: dict[str, Any], pairs: Sequence[Pair], names: tuple[str, ...]) -> Legend:
    if o["data"]:
        return Legend()
    if o["predicted_values"]:
        return legend_of(LabelEncoding(values=parse_values(o["predicted_values"])), 1)
    if named_classes(pairs[0].predicted):
        return Legend()
    masks = [Sample(p.predicted, p.predicted, p.group) for p in pairs]
    return legend_of(detect_encoding(masks, LabelEncoding(classes=len(names))), 1)
