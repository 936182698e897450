"""What a model reads, and how the pixels of a scene become it.

A model fixes its radiometry: so many bands, of one type, within one range, at one resolution. A scene that differs is converted by what
the file itself declares, by what is known of its sensor (`sensors.toml`), or by what the user says with `rescale`: one fixed function
for all of its pixels, never one of a chip's own statistics. Whether the scene fits at all is asked in `suitability`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import OptionError, SceneError
from seaice_cli.raster.reading.conversion import Conversion
from seaice_cli.raster.reading.scene import Rows, Scene
from seaice_cli.raster.reading.sensors import REFLECTANCE, RGB, Facts, Sensor, curves, sensors

AUTO = "auto"
ROBUST = (0.5, 99.5)
"""Percentiles of a scene's values that stand for the ends of the model's range with `rescale="auto"`."""
OVERVIEW_SIDE = 1000
"""Pixels along the longer side of the look at a scene that these percentiles are taken from."""
OF_REFLECTANCE = (0.02, 0.9)
"""What these percentiles stand for where the model knows a curve: the reflectances of open water and of fresh snow. Values of pictures
are not proportional to reflectance: a straight line to the ends of their range would leave ice as dark as water."""
LARGEST_REFLECTANCE = 2.0
"""What lies beyond this after scale and offset is no reflectance."""
ON_GRID = 0.02
"""How far from a whole number the 255fold of a value may lie that was an 8-bit one."""

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometry:
    """What a model reads, and how a scene's values become it."""

    bands: tuple[str, ...]
    dtype: np.dtype[Any]
    valid_range: Ends
    fill: tuple[float, ...]
    """Per band, in the model's units: what pixels without data are given, the model's mean."""
    resolution: float | None = None
    """Metres per pixel; None: any."""
    stretch: str = ""
    """The curve by which reflectance became the values that the model was trained on; empty: it takes values as they are."""
    sensor: Sensor | None = None
    """What the scene comes from, as far as known."""
    rescale: Ends | None = None
    """The scene's values that stand for the ends of `valid_range`."""
    conversion: Conversion | None = None
    """None: the scene's values are the model's."""

    def fitted(self, scene: Scene, sensor: Sensor | None, rescale: Ends | str | None = None) -> Radiometry:
        """Return this radiometry with the conversion of a scene whose bands are chosen.

        Args:
            scene: The scene.
            sensor: What it comes from; None: nobody knows.
            rescale: The values that stand for the ends of the model's range; "auto": robust percentiles of the whole scene stand for
                dark water and bright snow; or None.

        Raises:
            SceneError: The scene cannot be looked at, or holds no data to take percentiles of.
            OptionError: `rescale` is another text.
        """
        ends = robust_ends(scene) if rescale == AUTO else rescale
        if isinstance(ends, str):
            raise OptionError(f"`rescale` {ends}: give two numbers, LOW,HIGH, or {AUTO}")
        if ends:
            curved = bool(self.stretch) and rescale == AUTO
            scale, offset = _line(ends, OF_REFLECTANCE if curved else self.valid_range)
            conversion = self._straight(scene, [scale] * len(scene.bands), [offset] * len(scene.bands))
            if curved:
                conversion = dataclasses.replace(conversion, curve=curves()[self.stretch])
            return dataclasses.replace(self, sensor=sensor, rescale=ends, conversion=conversion)
        return dataclasses.replace(self, **self._by_meaning(scene, sensor))

    def _by_meaning(self, scene: Scene, sensor: Sensor | None) -> dict[str, Any]:
        """Return sensor and conversion by what the file declares and what is known of the sensor."""
        facts = scene.facts
        taken_as_is = scene.dtype == self.dtype and not (self.stretch and facts.is_scaled)
        if taken_as_is or not (facts.is_scaled or sensor is not None):
            return {"sensor": sensor, "conversion": None}
        straight = self._straight(scene, *_scale_and_offset(scene, sensor))
        if not self.stretch:
            return {"sensor": sensor, "conversion": straight if facts.is_scaled else None}
        return self._by_values(scene, sensor, straight)

    def _by_values(self, scene: Scene, sensor: Sensor | None, straight: Conversion) -> dict[str, Any]:
        """Tell reflectances from the values of a picture, which a file can declare a scale for, too."""
        values = scene.sample()
        scaled = np.stack([straight.scaled(band, i) for i, band in enumerate(values)])
        scaled = scaled[np.isfinite(scaled)]
        if scaled.size and np.percentile(scaled, ROBUST[1]) > LARGEST_REFLECTANCE:
            return {"sensor": sensor, "conversion": straight}
        if scene.facts.is_scaled and _was_picture(scaled):
            tens = [s * 255 for s in straight.scale], [o * 255 for o in straight.offset]
            return {"sensor": sensors()[RGB], "conversion": self._straight(scene, *tens)}
        curved = dataclasses.replace(straight, curve=curves()[self.stretch])
        return {"sensor": sensor or sensors()[REFLECTANCE], "conversion": curved}

    def _straight(self, scene: Scene, scale: list[float], offset: list[float]) -> Conversion:
        return Conversion(
            source=scene.dtype, target=self.dtype, scale=tuple(scale), offset=tuple(offset), fill=self.fill[0]
        )

    def described(self) -> dict[str, Any]:
        """Return what distinguishes this conversion from another, as JSON values."""
        conversion = self.conversion
        straight = None if conversion is None else [list(conversion.scale), list(conversion.offset)]
        return {
            "sensor": self.sensor.name if self.sensor else None,
            "rescale": list(self.rescale) if self.rescale else None,
            "straight": straight,
            "curve": self.stretch if conversion is not None and conversion.curve is not None else None,
        }

    def convert(self, rows: Rows) -> npt.NDArray[Any]:
        """Return the pixels in the model's type and units, with the fill where there is no data.

        A single band without a value (NaN, or a nodata value outside the model's range) is filled too, even where the pixel is data.
        """
        pixels: npt.NDArray[Any] = rows.pixels
        if self.conversion is not None:
            pixels = self.conversion(pixels)
        elif pixels.dtype != self.dtype:
            pixels = pixels.astype(self.dtype)
        elif rows.valid is not None or pixels.dtype.kind == "f":
            pixels = pixels.copy()
        if pixels.dtype.kind == "f":
            self._fill_strange(pixels)
        if rows.valid is not None:
            for band, fill in zip(pixels, self.fill, strict=True):
                band[~rows.valid] = self._as_value(fill)
        return pixels

    def _fill_strange(self, pixels: npt.NDArray[Any]) -> None:
        low, high = self.valid_range
        reach = 10 * (high - low)
        for band, fill in zip(pixels, self.fill, strict=True):
            band[~((band >= low - reach) & (band <= high + reach))] = fill

    def _as_value(self, fill: float) -> Any:
        return fill if self.dtype.kind == "f" else round(fill)


def robust_ends(scene: Scene) -> Ends:
    """Return the percentiles `ROBUST` of the valid values of a look at a whole scene, all bands together.

    Raises:
        SceneError: The scene cannot be read, or holds no two values.
    """
    scale = min(1.0, OVERVIEW_SIDE / max(scene.height, scene.width))
    look = scene.overview(max(1, round(scene.height * scale)), max(1, round(scene.width * scale)))
    values = look.pixels.reshape(len(look.pixels), -1) if look.valid is None else look.pixels[:, look.valid]
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, ROBUST) if values.size else (0.0, 0.0)
    if not low < high:
        raise SceneError(f"{scene.path}: holds no two different values, so `rescale` auto finds no ends for them")
    return float(low), float(high)


def sun_factor(facts: Facts) -> float | None:
    """Return 1 / sin(elevation of the sun), by which reflectances are too low that nobody has divided; None if no tag tells it."""
    told = next((v for k, v in facts.tags.items() if k.upper().endswith("SUN_ELEVATION")), "")
    try:
        sine = float(np.sin(np.radians(float(told))))
    except ValueError:
        return None
    return 1 / sine if sine > 0 else None


def _scale_and_offset(scene: Scene, sensor: Sensor | None) -> tuple[list[float], list[float]]:
    """Return scale and offset of every band read: the file's own, or its sensor's for values of the sensor's kind."""
    facts = scene.facts
    if facts.is_scaled or sensor is None:
        return [facts.scales[b - 1] for b in scene.bands], [facts.offsets[b - 1] for b in scene.bands]
    if scene.dtype.kind == "f" or sensor.is_picture:
        return [1.0] * len(scene.bands), [0.0] * len(scene.bands)
    sun = (sun_factor(facts) or 1.0) if sensor.sun else 1.0
    return [sensor.scale * sun] * len(scene.bands), [sensor.offset * sun] * len(scene.bands)


def _line(ends: Ends, onto: Ends) -> tuple[float, float]:
    """Return scale and offset of the straight line that brings two values onto two others."""
    scale = (onto[1] - onto[0]) / (ends[1] - ends[0])
    return scale, onto[0] - ends[0] * scale


def _was_picture(scaled: npt.NDArray[np.float64]) -> bool:
    """Tell whether values from 0 to 1 are the 256 levels of an 8-bit picture and nothing between: no measured reflectances are."""
    levels = scaled * 255
    return (
        bool(scaled.size) and bool((np.abs(levels - np.rint(levels)) < ON_GRID).all()) and bool((levels < 255.5).all())
    )
