"""What a model is: `model.json`, read into a frozen `ModelSpec` and checked before anything is allocated.

A model directory holds

    model.json            this specification
    weights.safetensors   the network's state (training, fine-tuning, the torch engine)
    network.onnx          scene values in, probabilities out; any batch, height and width; its weights are those of the file above
    network.int8.xml/.bin the same, quantised, if somebody made it
    README.md             the model card

Radiometry belongs to the model: which bands, in which order, of which type and range, and the fixed mean and standard
deviation they are normalised with. Nothing about a chip ever depends on the chip's own statistics.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seaice_cli.errors import ModelError
from seaice_cli.raster.reading.sensors import curves

if TYPE_CHECKING:
    import numpy as np

MAX_CLASSES = 200
MAX_OPTION, MAX_ENTRIES = 1_000_000, 100
"""Of the options of an architecture: no number is larger, no list longer."""
DTYPES = ("uint8", "uint16", "int16", "float32")
SPEC_FILE, WEIGHTS_FILE, ONNX_FILE, CARD_FILE = "model.json", "weights.safetensors", "network.onnx", "README.md"
INT8_FILES = ("network.int8.xml", "network.int8.bin")
"""The quantised graph, where a model has one: in OpenVINO's form, its weights beside it."""
SCHEMA = 1
_VISIBLE = frozenset({"red", "green", "blue", "grey", "gray", "panchromatic"})
_MODIS_VISIBLE = frozenset({"band 1", "band 3", "band 4"})


@dataclass(frozen=True, slots=True)
class IceClass:
    """One class of the mask; its id is its position in `ModelSpec.classes`."""

    name: str
    color: tuple[int, int, int]
    """Red, green, blue, 0 to 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Everything about a model but its weights."""

    name: str
    architecture: str
    """A name that `network.build` knows, such as "unet"."""
    encoder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the builder, such as {"encoder_depth": 4}."""
    bands: tuple[str, ...]
    """What the network reads, in order, such as ("red", "green", "blue")."""
    dtype: str
    """Type of the scene's values, one of `DTYPES`."""
    valid_range: tuple[float, float]
    """Smallest and largest value the network was trained on, in scene units."""
    mean: tuple[float, ...]
    """Per band, in scene units; what pixels without data are filled with."""
    std: tuple[float, ...]
    """Per band, in scene units."""
    classes: tuple[IceClass, ...]
    ice: int
    """The id of the class that `--threshold`, `--probability` and `--vector` are about."""
    resolution: float | None = None
    """Metres per pixel of the training scenes; None: any."""
    stretch: str = ""
    """The curve (`sensors.toml`) by which reflectance became the values of the training scenes: reflectances of any sensor
    are brought to these values by it. Empty: nobody knows, and scenes are taken as they are."""
    stride: int = 32
    """Heights and widths the network takes are multiples of this."""
    tile: int = 1024
    overlap: int = 256
    temperature: float = 1.0
    """Logits are divided by this before the softmax; fitted by calibration, part of the ONNX graph."""
    version: str = "1"
    description: str = ""
    license: str = ""
    int8_loss: float | None = None
    """Mean IoU that the quantised graph loses against float32, measured on labelled scenes; None: there is none."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Of the files in the directory, by name."""

    def __post_init__(self) -> None:
        problem = next(_problems(self), None)
        if problem:
            raise ModelError(f"model {self.name!r}: {problem}")

    @property
    def floe_bands(self) -> tuple[int, ...]:
        """The bands, as places from 0, in which floes are brighter than what lies between them; none if that is not known."""
        modis = _MODIS_VISIBLE if {*self.bands} >= _MODIS_VISIBLE else frozenset()
        return tuple(k for k, band in enumerate(self.bands) if band.lower() in _VISIBLE | modis)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by id."""
        return tuple(c.name for c in self.classes)

    @property
    def has_int8(self) -> bool:
        """Whether the directory holds a quantised graph."""
        return all(name in self.sha256 for name in INT8_FILES)

    @property
    def digest(self) -> str:
        """The sha256 of the weights, which names the model in tags and manifests; empty if not recorded."""
        return self.sha256.get(WEIGHTS_FILE) or self.sha256.get(ONNX_FILE, "")

    def to_json(self) -> str:
        """Return the text of `model.json`."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, indent=2) + "\n"


def _problems(spec: ModelSpec) -> Iterator[str]:  # noqa: C901, PLR0912 - a flat list of independent checks
    if not spec.bands or len(spec.bands) > 1000:
        yield "needs 1 to 1000 bands"
    if not len(spec.mean) == len(spec.std) == len(spec.bands):
        yield "needs one mean and one std for every band"
    if not all(math.isfinite(v) for v in (*spec.mean, *spec.std, *spec.valid_range)) or not all(
        s > 0 for s in spec.std
    ):
        yield "mean, std and valid_range must be finite, std positive"
    if spec.dtype not in DTYPES:
        yield f"dtype {spec.dtype!r} is none of {', '.join(DTYPES)}"
    if spec.valid_range[0] >= spec.valid_range[1]:
        yield "valid_range must rise"
    if not all(_fits(v, spec.dtype) for v in (*spec.mean, *spec.valid_range)):
        yield f"mean and valid_range must be values that {spec.dtype} can hold"
    if not all(c.name.isprintable() for c in spec.classes):
        yield "class names must be printable"
    if spec.stretch and spec.stretch not in curves():
        yield f"stretch {spec.stretch[:40]!r} is none of {', '.join(curves())}"
    if not 2 <= len(spec.classes) <= MAX_CLASSES:
        yield f"needs 2 to {MAX_CLASSES} classes"
    if not 0 <= spec.ice < len(spec.classes):
        yield "ice must be the id of a class"
    if not all(len(c.color) == 3 and all(0 <= v <= 255 for v in c.color) for c in spec.classes):
        yield "colors must be three values from 0 to 255"
    if not 1 <= spec.stride <= 256 or spec.tile % spec.stride or not 0 <= spec.overlap < spec.tile <= 16384:
        yield "tile must be a multiple of stride, at most 16384, and larger than overlap"
    if not (0.01 <= spec.temperature <= 100) or (spec.resolution is not None and not spec.resolution > 0):
        yield "temperature must be between 0.01 and 100, resolution positive"


def _fits(value: float, dtype: str) -> bool:
    if dtype not in DTYPES or not math.isfinite(value):
        return True  # told by another check
    import numpy as np  # here, so that the names of the files above are had without it

    limits = np.finfo(dtype) if dtype.startswith("float") else np.iinfo(dtype)
    return bool(limits.min <= value <= limits.max)


def read_spec(directory: Path) -> ModelSpec:
    """Read and check `model.json` of a model directory.

    Raises:
        ModelError: The file is missing, no JSON, or says something a model cannot be.
    """
    path = directory / SPEC_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: cannot be read ({reason}); a model directory holds {SPEC_FILE}") from error
    try:
        return parse_spec(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no valid JSON ({error})") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def parse_spec(values: Any) -> ModelSpec:
    """Turn the content of `model.json` into a `ModelSpec`; unknown and missing keys and wrong types are errors.

    Raises:
        ModelError: The content does not describe a model.
    """
    if not isinstance(values, dict):
        raise ModelError("must hold one JSON object")
    if values.get("schema") != SCHEMA:
        raise ModelError(f"schema is {str(values.get('schema'))[:20]!r}, this version reads {SCHEMA}")
    known = {f.name: f for f in dataclasses.fields(ModelSpec)}
    unknown = sorted(set(values) - set(known) - {"schema"})
    missing = sorted(n for n, f in known.items() if n not in values and _required(f))
    if unknown or missing:
        raise ModelError(
            "; ".join(
                f"{what} {', '.join(names)}" for what, names in (("unknown", unknown), ("missing", missing)) if names
            )
        )
    return ModelSpec(**{name: _READERS[name](name, value) for name, value in values.items() if name != "schema"})


def _required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 10_000:
        raise ModelError(f"{name} must be a text")
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ModelError(f"{name} must be a number")
    try:
        return float(value)
    except OverflowError as error:
        raise ModelError(f"{name} is larger than any number") from error


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ModelError(f"{name} must be a whole number")
    return value


def _optional_number(name: str, value: Any) -> float | None:
    return None if value is None else _number(name, value)


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)) or len(value) > 1000:
        raise ModelError(f"{name} must be a list")
    return list(value)


def _numbers(name: str, value: Any) -> tuple[float, ...]:
    return tuple(_number(name, v) for v in _list(name, value))


def _range(name: str, value: Any) -> tuple[float, float]:
    numbers = _numbers(name, value)
    if len(numbers) != 2:
        raise ModelError(f"{name} must be two numbers")
    return numbers[0], numbers[1]


def _texts(name: str, value: Any) -> tuple[str, ...]:
    return tuple(_text(name, v) for v in _list(name, value))


def _classes(name: str, value: Any) -> tuple[IceClass, ...]:
    classes = []
    for entry in _list(name, value):
        if not isinstance(entry, dict) or set(entry) != {"name", "color"}:
            raise ModelError(f"{name} must be a list of objects with name and color")
        red_green_blue = tuple(_whole("color", v) for v in _list("color", entry["color"]))
        if len(red_green_blue) != 3:
            raise ModelError("color must be three whole numbers")
        classes.append(IceClass(_text("class name", entry["name"]), red_green_blue))
    return tuple(classes)


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > 100:
        raise ModelError(f"{name} must be an object")
    return dict(value)


def _options(name: str, value: Any) -> dict[str, Any]:
    options = _mapping(name, value)
    for key, option in options.items():
        entries = option if isinstance(option, (list, tuple)) else [option]
        if len(entries) > MAX_ENTRIES or not all(_is_option(entry) for entry in entries):
            raise ModelError(
                f"{name}: {str(key)[:40]} must be a text, a number up to {MAX_OPTION:,}, or a short list of such"
            )
    return options


def _is_option(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 1000
    return value is None or (isinstance(value, (bool, int, float)) and -MAX_OPTION <= value <= MAX_OPTION)


def _digests(name: str, value: Any) -> dict[str, str]:
    return {_text(name, k): _text(name, v) for k, v in _mapping(name, value).items()}


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "name": _text, "architecture": _text, "encoder": _text, "options": _options, "bands": _texts, "dtype": _text,
    "valid_range": _range, "mean": _numbers, "std": _numbers, "classes": _classes, "ice": _whole,
    "resolution": _optional_number, "stretch": _text, "stride": _whole, "tile": _whole, "overlap": _whole, "temperature": _number,
    "version": _text, "int8_loss": _optional_number, "description": _text, "license": _text, "sha256": _digests,
}  # fmt: skip


def scene_dtype(spec: ModelSpec) -> np.dtype[Any]:
    """Return the NumPy type in which chips travel to the engine."""
    import numpy as np

    return np.dtype(spec.dtype)
