"""Whether a scene is one that a model can read: refusals that say what to do, and warnings about what may go wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import SceneError
from seaice_cli.raster.reading.radiometry import ROBUST, Ends, Radiometry, sun_factor
from seaice_cli.raster.reading.scene import Scene
from seaice_cli.raster.reading.sensors import COLORS, name_bands

TOLERANCE = 0.25
"""How far beyond the model's range values may lie, as a share of that range."""
DIM = 0.5
"""Below this share of the model's range, a scene's brightest values are worth a warning: no ice and no cloud is that dark."""
WHITE = 0.8
"""The brightest values of the darkest band, as a share of those of the brightest one, that a scene with ice or clouds has at least."""
RESOLUTION_RATIO = 2.0
"""How much coarser or finer than the model's resolution a scene may be."""
GREY_MODEL = "aerial-floes"
"""The shipped model of grey aerial photographs, which users are led to."""
_RADAR = re.compile(r"\b(HH|HV|VH|VV|SAR|backscatter|dB)\b|(sigma|gamma|beta)_?(0|nought)|Sentinel-?1", re.IGNORECASE)


def checks(
    radiometry: Radiometry, scene: Scene, *, any_resolution: bool = False, bands_given: bool = False
) -> list[Callable[[], None]]:
    """Return the checks that a radiometry fits a scene; each raises a `SceneError` that says what to do.

    Args:
        radiometry: Of the model, fitted to the scene as soon as there are as many bands as it reads.
        scene: The scene, its bands chosen.
        any_resolution: Accept pixels of any size.
        bands_given: The user has chosen the bands, whatever their names say.
    """
    found: list[Callable[[], None]] = [partial(_refuse_kind, radiometry, scene)]
    if not bands_given:
        found.append(partial(_refuse_other_colors, radiometry, scene))
    if not any_resolution:
        found.append(partial(_refuse_resolution, radiometry, scene))
    return [*found, partial(_refuse_range, radiometry, scene)]


def warnings(radiometry: Radiometry, scene: Scene) -> Iterator[str]:
    """Yield what a user should know of a scene that passed the checks."""
    if len(set(scene.bands)) < len(scene.bands):
        yield "one band stands for several of the model's, which has learnt from colours"
    if told := _other_colors(radiometry, scene):
        yield f"its bands show {told}, and the model has learnt from {', '.join(radiometry.bands)}: its mask means nothing"
    sensor = radiometry.sensor
    if sensor is not None and sensor.sun and not radiometry.rescale and sun_factor(scene.facts) is None:
        yield "no tag tells the sun's elevation, so that its reflectances are too low under a low sun"
    values = scene.sample()
    if _is_grey(scene, values):
        yield (
            f"its bands are all alike, a grey picture, where the model has learnt from colours; aerial photographs are for "
            f"`model` {GREY_MODEL} with `bands` 1"
        )
    if not radiometry.stretch or not values.size:
        return
    low, high = radiometry.valid_range
    brightest = np.nanpercentile(_in_model_units(radiometry, values), ROBUST[1], axis=1)
    if brightest.max() < low + DIM * (high - low):
        yield (
            f"its brightest values are {brightest.max():.4g} where the model's range ends at {high:g}: darker than ice and clouds are; "
            f"if such are in view, brighten it with `rescale` auto"
        )
    elif brightest.min() - low < WHITE * (brightest.max() - low):
        told = ", ".join(f"{name} {value:.3g}" for name, value in zip(radiometry.bands, brightest, strict=True))
        yield (
            f"its brightest pixels are not white ({told}), as ice and clouds are in the pictures that the model has learnt from: its "
            f"colours were stretched in another way"
        )


def _is_grey(scene: Scene, values: npt.NDArray[Any]) -> bool:
    """Return whether several bands of a scene hold the same numbers, and more than one of them."""
    several = len(set(scene.bands)) > 1 and values.size > 0
    return several and bool((values == values[0]).all()) and bool((values != values.flat[0]).any())


def _refuse_kind(radiometry: Radiometry, scene: Scene) -> None:
    """Refuse what is no picture of the model's kind, for the first reason: advice on its type is wrong for radar."""
    for refuse in (_refuse_radar, _refuse_other_number, _refuse_type):
        refuse(radiometry, scene)


def _refuse_radar(radiometry: Radiometry, scene: Scene) -> None:
    """Refuse what no model of pictures can read: radar, decibels, one or two bands of numbers with fractions or below zero."""
    bands = len(set(scene.bands))
    if radiometry.dtype.kind == "f" or radiometry.valid_range[0] < 0 or bands > max(2, len(radiometry.bands)):
        return
    facts, values = scene.facts, _finite(scene.sample())
    told = [*(facts.descriptions[b - 1] for b in scene.bands), *(f"{k}={v}" for k, v in facts.tags.items())]
    if bands > 2:  # reflectances may be a little below zero, decibels are far below it
        numbers = scene.dtype.kind == "f" and values.size > 0 and float(np.median(values)) < -1
    else:
        numbers = scene.dtype.kind == "f" or bool((values < 0).any())
    if numbers or (bands <= 2 and any(_RADAR.search(text) for text in told)):
        raise SceneError(
            f"{scene.path}: holds {bands} band{'s' * (bands > 1)} of radar or other measurements ({scene.dtype}), not a picture in "
            f"colours; no shipped model reads radar: docs/finetune.md tells how to train one"
        )


def _refuse_other_number(radiometry: Radiometry, scene: Scene) -> None:
    found, wanted, names = len(scene.bands), len(radiometry.bands), ", ".join(radiometry.bands)
    if found == 1 < wanted:
        raise SceneError(
            f"{scene.path}: has 1 band, a grey picture, where the model reads {wanted} ({names}); aerial photographs are for "
            f"`model` {GREY_MODEL}, thermal ones from a helicopter for tir-melt-pond; other grey pictures need a model of their own: "
            f"docs/finetune.md tells how to make it from polygons"
        )
    if found != wanted:
        raise SceneError(
            f"{scene.path}: has {found} bands where the model reads {wanted} ({names}); choose them in this order with `bands`"
        )


def _refuse_other_colors(radiometry: Radiometry, scene: Scene) -> None:
    """Refuse bands whose names say that they show something else than the model reads."""
    told = _other_colors(radiometry, scene)
    if not told:
        return
    known = name_bands(scene.facts, radiometry.sensor)
    missing = [name for name in radiometry.bands if name in COLORS and name not in known]
    way_out = (
        f"it has no {' and no '.join(missing)}: take a model that reads these bands, or make one (docs/finetune.md)"
        if missing
        else "choose bands with `bands`"
    )
    raise SceneError(f"{scene.path}: shows {told} where the model reads {', '.join(radiometry.bands)}; {way_out}")


def _other_colors(radiometry: Radiometry, scene: Scene) -> str:
    """Return what the bands that are read show, if their names say that it is something else than the model reads."""
    known = name_bands(scene.facts, radiometry.sensor)
    shown = [known[b - 1] for b in scene.bands]
    if not any(s and w in COLORS and s != w for s, w in zip(shown, radiometry.bands, strict=False)):
        return ""
    return ", ".join(scene.facts.descriptions[b - 1] or known[b - 1] or f"band {b}" for b in scene.bands)


def _refuse_type(radiometry: Radiometry, scene: Scene) -> None:
    """Refuse values whose meaning nobody knows."""
    if radiometry.conversion is not None:
        return
    (low, high), sensor = radiometry.valid_range, radiometry.sensor
    ends = f"say with `rescale` LOW,HIGH (or auto) which of the scene's values stand for {low:g} and {high:g}"
    if radiometry.stretch and sensor is not None and not sensor.is_picture:
        raise SceneError(
            f"{scene.path}: is a {scene.dtype} picture of {sensor.name}, stretched in a way that no file tells; {ends}, and look "
            f"at the mask; better teach the model such scenes (docs/finetune.md)"
        )
    if scene.dtype == radiometry.dtype or (radiometry.dtype.kind == "f" and scene.dtype.kind == "f"):
        return
    meaning = " of a sensor that nothing tells" if radiometry.stretch else ""
    way_out = f"name it with `sensor`, or {ends}" if radiometry.stretch else ends
    raise SceneError(
        f"{scene.path}: holds {scene.dtype} values{meaning} where the model reads {radiometry.dtype} from {low:g} to {high:g}; "
        f"{way_out}"
    )


def _refuse_resolution(radiometry: Radiometry, scene: Scene) -> None:
    resolution, pixel = radiometry.resolution, pixel_size(scene)
    if resolution is None or pixel is None or 1 / RESOLUTION_RATIO <= pixel / resolution <= RESOLUTION_RATIO:
        return
    raise SceneError(
        f"{scene.path}: has pixels of {pixel:.4g} m where the model was trained at {resolution:g} m; "
        f"resample it (gdalwarp{_metric(scene)} -tr {resolution:g} {resolution:g} -r average), or take the risk with "
        f"`any_resolution`"
    )


def _refuse_range(radiometry: Radiometry, scene: Scene) -> None:
    """Refuse values far beyond what they should be: reflectances before a curve, else the model's own values."""
    if len(scene.bands) != len(radiometry.bands):
        return  # which of them the model would read is not known, and reading all of thousands takes long
    values = scene.sample()
    conversion, (low, high) = radiometry.conversion, radiometry.valid_range
    slack = TOLERANCE * (high - low)
    if conversion is not None and values.size:
        if conversion.curve is not None and radiometry.sensor is not None:
            (low, high) = radiometry.sensor.range
            # Ends that were chosen for a scene leave some of its values beyond them; reflectances of a sensor do not.
            slack = TOLERANCE * (high - low) if radiometry.rescale else 0.0
        values = np.stack([conversion.scaled(band, i) for i, band in enumerate(values)])
    values = _finite(values)
    if not values.size:
        return
    seen_low, seen_high = (float(v) for v in np.percentile(values, ROBUST))
    hollow = radiometry.dtype.kind == "f" and seen_high - seen_low < (high - low) / 1000 and values.size > 1000
    if seen_low < low - slack or seen_high > high + slack or hollow:
        raise SceneError(f"{scene.path}: {_misfit(radiometry, (seen_low, seen_high), (low, high))}")


def _misfit(radiometry: Radiometry, seen: Ends, limits: Ends) -> str:
    between = f"between {seen[0]:.4g} and {seen[1]:.4g}"
    if radiometry.rescale:
        low, high = radiometry.rescale
        return (
            f"lies {between} of {limits[0]:g} to {limits[1]:g} after `rescale` {low:g},{high:g}; choose ends nearer to its "
            f"values, or auto"
        )
    if radiometry.conversion is not None and radiometry.conversion.curve is not None and radiometry.sensor is not None:
        return (
            f"read as {radiometry.sensor.name} its reflectances lie {between}, beyond {limits[0]:g} to {limits[1]:g}; name another "
            f"sensor with `sensor`, or say with `rescale` LOW,HIGH which values stand for the ends of the model's range"
        )
    return (
        f"values lie {between} where the model reads {limits[0]:g} to {limits[1]:g}; say with `rescale` LOW,HIGH (or auto) which of "
        f"the scene's values stand for the ends of the model's range"
    )


def _in_model_units(radiometry: Radiometry, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if radiometry.conversion is None:
        return values
    return np.stack([radiometry.conversion.exact(band, i) for i, band in enumerate(values)])


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def _metric(scene: Scene) -> str:
    """Return what makes gdalwarp count in metres, where the scene counts in degrees."""
    if scene.crs is None or not scene.crs.is_geographic:
        return ""
    return f" -t_srs EPSG:{3413 if (scene.transform @ (0, scene.height / 2))[1] >= 0 else 3976}"


def pixel_size(scene: Scene) -> float | None:
    """Return the side of a pixel in metres on the ground (the square root of its area); None without a CRS."""
    from seaice_cli.raster.area import pixel_area

    if not scene.georeferenced:
        return None
    areas = pixel_area(scene.crs, scene.transform, [scene.height / 2], [scene.width / 2])
    area = float(areas[0])
    return area**0.5 if np.isfinite(area) and area > 0 else None
