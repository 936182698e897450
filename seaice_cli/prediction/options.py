"""What can be chosen about a prediction, and which choices do not go together."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from seaice_cli.choices import AUGMENTATIONS, DEFAULT_MODEL, FORMATS, ON_BAD_BLOCK
from seaice_cli.errors import OptionError, SeaIceError
from seaice_cli.raster.reading.bad_blocks import FAIL
from seaice_cli.raster.reading.radiometry import AUTO
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.raster.reading.sensors import find_sensor
from seaice_cli.raster.reading.sources import is_vrt, remote
from seaice_cli.vectorization.options import VectorOptions

GEOTIFF = (".tif", ".tiff")
_PATHS = ("aoi", "land", "probability", "vector", "preview")
_TUPLES = ("bands", "rescale", "bbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictOptions:
    """What can be chosen about a prediction; the defaults are those of the command line.

    Paths may be given as any `os.PathLike` or text, and tuples as any sequence.
    """

    model: str = DEFAULT_MODEL
    """The name of a shipped model, or a model directory."""
    sensor: str = ""
    """What the scene comes from, as `sensors.toml` names it; empty: what the file says."""
    bands: tuple[int | str, ...] | None = None
    """Numbers from 1, descriptions or colours, in the model's order."""
    nodata: float | str | None = None
    """Overrides what the scene declares; "none" ignores it."""
    on_bad_block: str = FAIL
    """"fail", or "nodata": the pixels of a block that cannot be read hold no data."""
    rescale: tuple[float, float] | str | None = None
    """The scene's values that stand for the ends of the model's range; "auto": robust percentiles of the scene."""
    any_resolution: bool = False
    tile: int | None = None
    """Pixels along the side of a window; None: the model's."""
    overlap: int | None = None
    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    threads: int | None = None
    threshold: float | None = None
    abstain: float | None = None
    """Where no class is as likely as this, the mask says "unsure"; None: nowhere."""
    tta: str = "none"
    bbox: tuple[float, float, float, float] | None = None
    """Left, bottom, right, top in the scene's CRS."""
    aoi: Path | None = None
    """A vector file, or one and its layer, as in `areas.gpkg:bay`; only what lies in its polygons is classified."""
    land: Path | None = None
    """The same; what lies in its polygons is left out."""
    format: str = "cog"
    probability: Path | None = None
    vector: Path | None = None
    split_floes: bool = False
    """Whether floes of `vector` that touch are taken apart, by the scene itself where the model reads visible light."""
    floe_window: int = 64
    """Side in pixels of the neighbourhood that floes are compared with; a multiple of 16, wider than most floes."""
    preview: Path | None = None
    stac: bool = False
    """Also write a STAC item, the mask's name with .json in place of its suffix."""
    overwrite: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", os.fspath(self.model))
        for name in _PATHS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, Path(getattr(self, name)))
        for name in _TUPLES:
            if not isinstance(getattr(self, name), str | None):  # `rescale` may be "auto"
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if not isinstance(self.nodata, str | None):
            object.__setattr__(self, "nodata", float(self.nodata))


def check_options(options: PredictOptions) -> None:
    """Refuse options that do not go together.

    Raises:
        OptionError: They do not.
    """
    problems = [text for wrong, text in (*_problems(options), *_rescale_problems(options.rescale)) if wrong]
    for check in (
        lambda: options.sensor and find_sensor(options.sensor),
        lambda: VectorOptions(floe_window=options.floe_window),
    ):
        try:
            check()
        except SeaIceError as error:
            problems.append(str(error))
    if problems:
        raise OptionError("\n".join(problems))


def _problems(o: PredictOptions) -> list[tuple[bool, str]]:
    extra = [p for p in (o.probability, o.vector, o.preview) if p]
    probability, preview = o.probability or Path("p.tif"), o.preview or Path("p.png")
    threshold, abstain = 0.5 if o.threshold is None else o.threshold, 1.0 if o.abstain is None else o.abstain
    return [
        (o.tta not in AUGMENTATIONS, f"`tta` {o.tta} is none of {', '.join(AUGMENTATIONS)}"),
        (o.format not in FORMATS, f"`format` {o.format} is none of {', '.join(FORMATS)}"),
        (not 0 <= threshold <= 1, f"`threshold` {threshold:g} must lie between 0 and 1"),
        (not 0 < abstain <= 1, f"`abstain` {abstain:g} must lie above 0 and be at most 1"),
        (
            o.stac and o.format == "png",
            "`stac`: an item says where a mask is, which a PNG does not; leave out `format` png",
        ),
        (len(set(extra)) < len(extra), "`probability`, `vector` and `preview` must be different files"),
        (o.split_floes and o.vector is None, "`split_floes` is about polygons: name their file with `vector`"),
        (
            o.split_floes and o.on_bad_block != FAIL,
            "`split_floes` reads the scene once more and cannot leave out damaged blocks; drop `on_bad_block`",
        ),
        (
            probability.suffix.lower() not in GEOTIFF,
            f"`probability` {probability}: is a GeoTIFF; let its name end in .tif",
        ),
        (preview.suffix.lower() != ".png", f"`preview` {preview}: is a PNG; let its name end in .png"),
    ]


def _rescale_problems(rescale: tuple[float, float] | str | None) -> list[tuple[bool, str]]:
    if isinstance(rescale, str):
        return [(rescale != AUTO, f"`rescale` {rescale}: give two numbers, LOW,HIGH, or {AUTO}")]
    if rescale is None:
        return []
    equal = rescale[0] == rescale[1] or not all(map(math.isfinite, rescale))
    return [(equal, "`rescale` needs two different numbers")]


def refuse_name(mask: Path, form: str) -> None:
    """Refuse a mask whose name says another format than the one it would be written in.

    Raises:
        OptionError: It does.
    """
    suffix = mask.suffix.lower()
    if form == "png" and suffix != ".png":
        raise OptionError(f"{mask}: `format` png writes a PNG; let its name end in .png, or name a folder")
    if form != "png" and suffix not in GEOTIFF:
        other = "; `format` png writes a PNG" if suffix == ".png" else ", or make that folder first"
        raise OptionError(f"{mask}: a mask is a GeoTIFF; let its name end in .tif{other}")


def refuse_guessing(scene: str, on_bad_block: str) -> None:
    """Refuse to take what was not read for damaged where it may be unreachable, or where GDAL hides that it was not read.

    Raises:
        OptionError: The scene is on the network, or a VRT.
    """
    if on_bad_block not in ON_BAD_BLOCK:
        raise OptionError(f"`on_bad_block` {on_bad_block} is none of {', '.join(ON_BAD_BLOCK)}")
    if on_bad_block != FAIL and (remote(scene) or is_vrt(scene)):
        raise OptionError(
            f"{scene}: `on_bad_block` {on_bad_block} needs the file itself; fetch it, or name the files in the VRT one by one"
        )


def refuse_vector(vector: Path, scene: Scene) -> None:
    """Refuse a vector file that the polygons of a scene cannot be written to.

    Raises:
        OptionError: Its suffix names no format, its name no layer that the format allows, or the format holds longitudes and
            latitudes only, and no way leads there from the scene.
    """
    from seaice_cli.vectorization.projection import WGS84, refuse_unreachable
    from seaice_cli.vectorization.writing.formats import choose_layer_name, find_format

    choose_layer_name(vector, None)
    if find_format(vector).geographic:
        if scene.crs is None:
            raise OptionError(
                f"{scene.path}: has no CRS, so its polygons have no longitudes and latitudes for {vector.name}; write .gpkg"
            )
        refuse_unreachable(scene.path, scene.crs.to_wkt(), WGS84)
