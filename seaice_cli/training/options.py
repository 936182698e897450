"""Everything a training run can be told: one frozen record, read from one TOML file, with flags that win over it."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seaice_cli.errors import OptionError

KEPT = ("best", "last")
SAMPLERS = ("uniform", "balanced", "hard")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
GROUPS = {
    "Data": "data", "Model": "name", "Labels": "values", "Scenes": "bands", "Network": "architecture", "Learning": "loss",
    "Batches": "steps", "Evaluation": "metric",
}  # fmt: skip
"""Headings of the options, and the option that each begins with."""
COLORS = ("#184e94", "#f0f8ff", "#a0a0a0", "#4fb3bf", "#b15928", "#6a3d9a", "#33a02c", "#ff7f00")
"""Of the classes, in order, where none are given."""


def _told(default: Any, text: str) -> Any:
    """Return a field with a default and the text that the command line shows for it."""
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"help": text})
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """What to learn, from what, and how. Paths in a file are relative to the file; each flag has its option's name."""

    data: tuple[str, ...] = _told((), "Training data: a csv, a json list or a folder; repeatable.")
    data_weights: tuple[float, ...] = _told(
        (), "Sampling weight of each source of data, multiplied by the size of its scenes."
    )
    val: tuple[str, ...] = _told((), "Validation data; without it, some scenes of the training data are set aside.")
    val_share: float = _told(0.1, "Share of the scenes that is set aside, whole scenes only.")
    image_dir: str = _told("", "Where the images of lists are.")
    label_dir: str = _told("", "Where the labels of lists are.")
    generated: float = _told(0.0, "Share of the crops from generated scenes (water, ice, cloud; three bands).")
    generated_scenes: int = _told(200, "How many different generated scenes, of 512 x 512 pixels.")

    name: str = _told("model", "Name of the model.")
    description: str = _told("", "What the model is for, in a sentence.")
    license: str = _told("", "License of the weights.")
    classes: tuple[str, ...] = _told(("water", "ice"), "Names of the classes, by id.")
    colors: tuple[str, ...] = _told((), "Colours of the classes, as #rrggbb.")
    ice: str = _told("ice", "The class that thresholds and polygons are about.")
    cloud: str = _told(
        "cloud", "The class of what the augmentation `cloud` lays over scenes, if there is one of that name."
    )
    values: str = _told(
        "", "What label values stand for: binary, naic, or pairs such as 0:0,255:1; else found from all masks."
    )
    palette: str = _told("", "For labels in colour: isaid, isprs, or a file.")
    attribute: str = _told("", "For vector labels: the attribute that names the class.")
    background: int = _told(0, "For vector labels: the class where no polygon lies; 255 ignores it.")
    bands: tuple[int, ...] = _told((), "Bands of the images to read, from 1; else all.")
    band_names: tuple[str, ...] = _told((), "Names of these bands.")
    valid_range: tuple[float, ...] = _told(
        (), "Smallest and largest value; else 0,255 for 8 bits and that of the data otherwise."
    )
    mean: tuple[float, ...] = _told((), "Of each band, in scene units; else that of the data.")
    std: tuple[float, ...] = _told((), "Of each band, in scene units; else that of the data.")
    resolution: float = _told(0.0, "Metres per pixel that the model is for; 0: any.")
    stretch: str = _told(
        "", "The curve that took the images from reflectances to 8 bits, such as corrected-reflectance; none: unknown."
    )

    architecture: str = _told("unet", "The network.")
    encoder: str = _told("resnet18", "Its encoder.")
    encoder_weights: str = _told("imagenet", "imagenet (from an installed package, or downloaded), none, or a file.")
    freeze_encoder: bool = _told(
        False, "Keep the encoder as it starts, with its batch normalisation; the rest is trained."
    )
    network: Mapping[str, Any] = _told({}, "Further options of the network, such as encoder_depth=4.")
    init_from: str = _told(
        "", "A model to start from, whose options are taken over, or weights; what does not fit is left out."
    )
    rehearse: float = _told(0.0, "Share of the crops that come from the training data of the parent model.")
    stride: int = _told(32, "Heights and widths that the network takes are multiples of this.")

    loss: str = _told("ce:1", "Losses and their factors, such as ce:1,dice:1.")
    class_weights: str = _told("none", "none, softmax, inverse, median, or a number for every class.")
    optimizer: str = _told("adamw", "Optimiser, such as sgd(momentum=0.9) or lookahead:radam.")
    lr: float = _told(1e-3, "Learning rate.")
    weight_decay: float = _told(1e-2, "Decay of the weights.")
    schedule: str = _told("cosine", "How the learning rate changes, such as warmup(steps=50):poly(floor=1e-4).")
    clip: float = _told(0.0, "Largest norm of the gradient; 0: any.")

    steps: int = _told(1000, "Steps to train.")
    batch: int = _told(8, "Crops in a batch, of each process.")
    accumulate: int = _told(1, "Batches that make one step.")
    crop: int = _told(256, "Pixels along the side of a crop.")
    sampler: str = _told("uniform", "uniform, balanced (each class alike) or hard (where the loss is high).")
    class_shares: tuple[float, ...] = _told((), "With balanced: how often a crop is drawn for each class.")
    scale: tuple[float, ...] = _told((1.0, 1.0), "Smallest and largest factor by which crops are enlarged.")
    augment: str = _told("hflip:0.5,vflip:0.5,rot90:0.5", "Augmentations and their numbers, or none.")
    ignore_border: int = _told(0, "Ignore this many pixels on both sides of every border between classes; 0: none.")
    ema: float = _told(0.0, "Decay of the running mean of the weights, such as 0.998; 0: none.")
    precision: str = _told("auto", "auto, fp32, bf16 or fp16.")
    seed: int = _told(0, "The same seed gives the same weights on the same machine.")
    workers: int = _told(0, "Processes that read crops; 0: none beside the main one.")

    metric: str = _told("miou", "Which score the best weights are chosen by: miou, iou:ice, fwiou ...")
    keep: str = _told("best", "Which weights become the model: best or last.")
    eval_every: int = _told(100, "Steps between two evaluations.")
    patience: int = _told(0, "Stop after so many evaluations without a better score; 0: never.")
    tensorboard: bool = _told(False, "Write for TensorBoard too.")
    stages: tuple[Mapping[str, Any], ...] = _told((), "Options of several stages; in a file only.")

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise OptionError(problem)


def _problem(o: TrainOptions) -> str:
    checks = (
        (len(o.classes) >= 2 and len(set(o.classes)) == len(o.classes), "classes: name two or more, each once"),
        (o.ice in o.classes, f"ice: {o.ice!r} is none of the classes {', '.join(o.classes)}"),
        (not o.colors or len(o.colors) == len(o.classes), "colors: one for every class"),
        (len(o.mean) == len(o.std), "mean and std: give both, one number for every band"),
        (len(o.valid_range) in (0, 2), "valid_range: two numbers"),
        (min(o.steps, o.batch, o.accumulate, o.eval_every) >= 1, "steps, batch, accumulate, eval_every: at least 1"),
        (o.crop >= 32 and o.crop % o.stride == 0, f"crop: a multiple of {o.stride}, at least 32"),
        (0 < o.val_share < 1 and 0 <= o.generated <= 1, "val_share and generated: between 0 and 1"),
        (0 <= o.rehearse < 1, "rehearse: from 0 to below 1"),
        (0 <= o.ignore_border <= 32, "ignore_border: 0 to 32 pixels"),
        (0 <= o.ema < 1, "ema: from 0 to below 1"),
        (o.lr > 0, "lr: above 0"),
        (len(o.scale) == 2 and 0.1 <= o.scale[0] <= o.scale[1] <= 10, "scale: smallest and largest, 0.1 to 10"),
        (o.sampler in SAMPLERS, f"sampler: one of {', '.join(SAMPLERS)}"),
        (o.keep in KEPT, f"keep: one of {', '.join(KEPT)}"),
        (o.precision in PRECISIONS, f"precision: one of {', '.join(PRECISIONS)}"),
        (not o.data_weights or len(o.data_weights) == len(o.data), "data_weights: one for every source"),
        (not o.class_shares or len(o.class_shares) == len(o.classes), "class_shares: one for every class"),
    )
    return next((text for fine, text in checks if not fine), "")


def read_options(path: Path | None, preset: str = "", flags: Mapping[str, Any] | None = None) -> TrainOptions:
    """Return the options of a preset, changed by a TOML file, changed by flags.

    Args:
        path: The file, or None.
        preset: A name in `presets.PRESETS`, or empty; a file may name one as `preset`.
        flags: By option name; None values are left out.

    Raises:
        OptionError: The file is no TOML, or holds an unknown option or a value of the wrong kind.
    """
    from seaice_cli.training.inheritance import inherited
    from seaice_cli.training.presets import PRESETS

    values = _rooted(_read_toml(path), path.parent) if path else {}
    preset = preset or str(values.pop("preset", ""))
    if preset and preset not in PRESETS:
        raise OptionError(f"preset {preset!r} is none of {', '.join(PRESETS)}")
    given = {k: v for k, v in (flags or {}).items() if v is not None}
    said = {**(PRESETS[preset] if preset else {}), **values, **given}
    taken_over = inherited(str(said.get("init_from", "")), said)
    return parse_options({**taken_over, **said}, str(path or "the command line"))


def parse_options(values: Mapping[str, Any], where: str) -> TrainOptions:
    """Check names and kinds of values, and return the options.

    Raises:
        OptionError: There is an unknown option or a value of the wrong kind.
    """
    kinds = typing.get_type_hints(TrainOptions)
    unknown = sorted(set(values) - set(kinds))
    if unknown:
        raise OptionError(f"{where}: unknown option {unknown[0]!r}; the options are {', '.join(kinds)}")
    try:
        return TrainOptions(**{name: _as_kind(value, kinds[name]) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise OptionError(f"{where}: {error}") from error
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from error


def stage_options(options: TrainOptions) -> list[TrainOptions]:
    """Return the options of every stage: one if none are stated."""
    if not options.stages:
        return [options]
    base = {f.name: getattr(options, f.name) for f in dataclasses.fields(options) if f.name != "stages"}
    return [parse_options({**base, **stage}, f"stage {number}") for number, stage in enumerate(options.stages, 1)]


def _as_kind(value: Any, kind: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin is tuple:
        entry = typing.get_args(kind)[0]
        return tuple(_as_kind(v, entry) for v in ([value] if isinstance(value, (str, int, float)) else value))
    if origin in (Mapping, typing.Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        if not isinstance(value, Mapping):
            raise TypeError(f"{value!r} must be a table")
        return dict(value)
    if isinstance(kind, types.UnionType) or kind is Any:
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind in (int, float) and isinstance(value, bool)):
        raise TypeError(f"{value!r} must be {'a text' if kind is str else kind.__name__}")
    return value


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: numbers and nesting have limits, too
        raise OptionError(f"{path}: no valid TOML ({error})") from error


_PATHS = ("data", "val", "image_dir", "label_dir")
_NAMES_OR_PATHS = ("init_from", "encoder_weights", "palette")
"""Paths if there is a file, or a model directory, of that name."""


def _rooted(values: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return options whose paths are seen from a folder; those of the stages, too."""
    found = dict(values)
    for name in found.keys() & {*_PATHS, *_NAMES_OR_PATHS}:
        found[name] = _rooted_path(found[name], root, sure=name in _PATHS)
    if isinstance(stages := found.get("stages"), (list, tuple)):
        found["stages"] = [_rooted(stage, root) if isinstance(stage, Mapping) else stage for stage in stages]
    return found


def _rooted_path(value: Any, root: Path, *, sure: bool) -> Any:
    from seaice_cli.network.spec import SPEC_FILE

    if isinstance(value, (list, tuple)):
        return [_rooted_path(v, root, sure=sure) for v in value]
    if not isinstance(value, str) or not value:
        return value
    is_path = sure or (root / value).is_file() or (root / value / SPEC_FILE).is_file()
    return str(root / value) if is_path else value


def anchored(options: TrainOptions) -> TrainOptions:
    """Return options with absolute paths: in a file, they mean the same wherever the file lies."""
    values = {entry.name: getattr(options, entry.name) for entry in dataclasses.fields(options)}
    return parse_options(_rooted(values, Path.cwd()), "the options")


def to_toml(options: TrainOptions) -> str:
    """Return the options as a TOML file that `read_options` reads."""
    plain, tables = [], []
    for entry in dataclasses.fields(options):
        value = getattr(options, entry.name)
        if isinstance(value, Mapping):
            tables.append(f"\n[{entry.name}]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in value.items()))
        elif entry.name == "stages":
            tables += ["\n[[stages]]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in stage.items()) for stage in value]
        else:
            plain.append(f"{entry.name} = {_toml(value)}\n")
    return "".join(plain + tables)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
