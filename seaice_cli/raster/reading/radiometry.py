"""Whether a scene's values are what a model was trained on, and how pixels reach the model's type.

A model fixes its radiometry: so many bands, of one type, within one range, at one resolution. A scene that differs is refused
with the way out; nothing is guessed from the values of a chip. With `rescale`, the user says which two values of the scene stand
for the ends of the model's range, and the same straight line is applied to every pixel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from seaice_cli.errors import SceneError
from seaice_cli.raster.reading.scene import Rows, Scene

log = logging.getLogger(__name__)
TOLERANCE = 0.25
"""How far beyond the model's range values may lie, as a share of that range."""
DIM = 0.5
"""Below this share of the model's range, a scene's brightest values are worth a warning: no ice and no cloud is that dark."""
RESOLUTION_RATIO = 2.0
"""How much coarser or finer than the model's resolution a scene may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometry:
    """What a model reads."""

    bands: tuple[str, ...]
    dtype: np.dtype[Any]
    valid_range: tuple[float, float]
    fill: tuple[float, ...]
    """Per band, in the model's units: what pixels without data are given, the model's mean."""
    resolution: float | None = None
    """Metres per pixel; None: any."""
    rescale: tuple[float, float] | None = None
    """The scene's values that stand for the ends of `valid_range`."""

    def checks(self, scene: Scene, *, any_resolution: bool = False) -> list[Callable[[], None]]:
        """Return the checks that this radiometry fits the scene; each raises a `SceneError` that says what to do."""
        checks: list[Callable[[], None]] = [partial(self._check_bands, scene), partial(self._check_type, scene)]
        if self.resolution is not None and not any_resolution:
            checks.append(partial(self._check_resolution, scene, self.resolution))
        return checks if self.rescale else [*checks, partial(self._check_range, scene)]

    def _check_bands(self, scene: Scene) -> None:
        found, wanted = len(scene.bands), len(self.bands)
        if found != wanted:
            way_out = "choose them in this order with `bands`"
            if found == 1:
                way_out = f"`bands` {','.join(['1'] * wanted)} lets a grey scene stand for all of them"
            raise SceneError(
                f"{scene.path}: has {found} band{'s' * (found != 1)} where the model reads {wanted} "
                f"({', '.join(self.bands)}); {way_out}"
            )

    def _check_type(self, scene: Scene) -> None:
        if self.rescale or scene.dtype == self.dtype or (self.dtype.kind == "f" and scene.dtype.kind == "f"):
            return
        low, high = self.valid_range
        raise SceneError(
            f"{scene.path}: holds {scene.dtype} values where the model reads {self.dtype} from {low:g} to {high:g}; "
            f"say with `rescale` LOW,HIGH which of the scene's values stand for these two"
        )

    def _check_resolution(self, scene: Scene, resolution: float) -> None:
        pixel = pixel_size(scene)
        if pixel is not None and not 1 / RESOLUTION_RATIO <= pixel / resolution <= RESOLUTION_RATIO:
            raise SceneError(
                f"{scene.path}: has pixels of {pixel:.4g} m where the model was trained at {resolution:g} m; "
                f"resample it (gdalwarp{_metric(scene)} -tr {resolution:g} {resolution:g} -r average), or take the risk with "
                f"`any_resolution`"
            )

    def _check_range(self, scene: Scene) -> None:
        values = scene.sample()
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if not values.size:
            return
        low, high = self.valid_range
        slack = TOLERANCE * abs(high - low)
        seen_low, seen_high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
        hollow = self.dtype.kind == "f" and seen_high - seen_low < abs(high - low) / 1000 and values.size > 1000
        if seen_low < min(low, high) - slack or seen_high > max(low, high) + slack or hollow:
            raise SceneError(
                f"{scene.path}: values lie between {seen_low:.4g} and {seen_high:.4g} where the model reads {low:g} to "
                f"{high:g}; say with `rescale` LOW,HIGH which of the scene's values stand for the ends of the model's range"
            )
        if seen_high < low + DIM * (high - low):
            log.warning(
                "%s: its brightest values are %.4g where the model's range ends at %.4g; if ice and clouds are in view, say with "
                "`rescale` LOW,HIGH which of the scene's values stand for the ends of the model's range",
                scene.path, seen_high, high,
            )  # fmt: skip

    def convert(self, rows: Rows) -> npt.NDArray[Any]:
        """Return the pixels in the model's type and units, with the fill where there is no data.

        A single band without a value (NaN, or a nodata value outside the model's range) is filled too, even where the pixel is data.
        """
        pixels: npt.NDArray[Any] = rows.pixels
        if self.rescale:
            pixels = self._rescaled(pixels)
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

    def _rescaled(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        low, high = self.rescale or self.valid_range
        out_low, out_high = self.valid_range
        with np.errstate(invalid="ignore", over="ignore"):
            scaled: npt.NDArray[Any] = (pixels.astype(np.float32) - np.float32(low)) * np.float32(
                (out_high - out_low) / (high - low)
            )
            scaled += np.float32(out_low)
            if self.dtype.kind == "f":
                return scaled
            lowest, highest = np.iinfo(self.dtype).min, np.iinfo(self.dtype).max
            whole: npt.NDArray[Any] = np.clip(np.nan_to_num(np.rint(scaled), nan=self.fill[0]), lowest, highest)
            return whole.astype(self.dtype)

    def _fill_strange(self, pixels: npt.NDArray[Any]) -> None:
        low, high = self.valid_range
        reach = 10 * (high - low)
        for band, fill in zip(pixels, self.fill, strict=True):
            band[~((band >= low - reach) & (band <= high + reach))] = fill

    def _as_value(self, fill: float) -> Any:
        return fill if self.dtype.kind == "f" else round(fill)


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
