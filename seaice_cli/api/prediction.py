"""`predict`: from a scene to a mask, in memory or as files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from seaice_cli.api.parameters import PredictParameters, StrPath, VectorParameters, build_options
from seaice_cli.api.sources import Placement, Source, call_folder, locate
from seaice_cli.choices import DEFAULT_MODEL
from seaice_cli.extras import require_extra
from seaice_cli.network.catalog import find_model
from seaice_cli.network.spec import ModelSpec
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.options import PredictOptions, refuse_name
from seaice_cli.prediction.pipeline import OpenEngine, Progress
from seaice_cli.prediction.pipeline import predict as run
from seaice_cli.prediction.summary import Summary
from seaice_cli.raster.reading.region import NODATA

if TYPE_CHECKING:
    import geopandas
    import xarray

Layer = Literal["mask", "probability"]
MASK: Layer = "mask"
PROBABILITY: Layer = "probability"


def predict(
    source: Source,
    target: StrPath | None = None,
    *,
    model: StrPath = DEFAULT_MODEL,
    transform: Affine | None = None,
    crs: Any = None,
    progress: Progress | None = None,
    **options: Unpack[PredictParameters],
) -> Prediction:
    """Map the ice of a scene.

    With a target this is `seaice predict`: the same files, the same bytes, and a killed call goes on where it was. Without one, mask
    and probability stay in memory.

    >>> found = seaice.predict("scene.tif", tile=256, overlap=64)
    >>> found.mask.shape, found.mask.dtype
    ((256, 256), dtype('uint8'))
    >>> found.class_names
    ('water', 'ice', 'cloud')
    >>> ice = (found.mask == found.ice).mean()

    An array says itself where it lies:

    >>> import rasterio
    >>> with rasterio.open("scene.tif") as scene:
    ...     again = seaice.predict(scene.read(), transform=scene.transform, crs=scene.crs, nodata=scene.nodata, tile=256, overlap=64)
    >>> bool((again.mask == found.mask).all())
    True

    Args:
        source: A path or anything else that GDAL opens by name, an open rasterio dataset, an array (bands, height, width) in the
            units of the model, or an `xarray.DataArray` with the spatial attributes of rioxarray.
        target: The mask to be written; None: it stays in memory.
        model: The name of a shipped model, or a model directory.
        transform: Of an array, from (column, row) to coordinates.
        crs: Of an array, anything that `rasterio.crs.CRS.from_user_input` takes.
        progress: Told of every window; see `seaice_cli.prediction.pipeline.Progress`.
        **options: The other fields of `seaice_cli.prediction.options.PredictOptions`.

    Returns:
        The mask, what it was made of, and what it says in figures.

    Raises:
        SeaIceError: Whatever a user can cause; its text names the file, the parameter and the way out.
        TypeError: There is no parameter of a name, or the source is of no kind that is read.
    """
    opener: OpenEngine = Job.open_engine
    return predict_with(
        opener, source, target, Placement(transform=transform, crs=crs), progress, {**options, "model": model}
    )


def predict_with(
    opener: OpenEngine,
    source: Source,
    target: StrPath | None,
    placement: Placement,
    progress: Progress | None,
    given: Mapping[str, Any],
) -> Prediction:
    """Do what `predict` does, by an engine that `opener` gives for a job."""
    options = build_options(PredictOptions, given, "predict")
    with call_folder() as folder:
        scene = locate(source, folder, placement)
        mask = Path(target) if target is not None else folder / ("mask.png" if options.format == "png" else "mask.tif")
        refuse_name(mask, options.format)
        if target is None:
            options = dataclasses.replace(options, probability=options.probability or folder / "probability.tif")
        summary = run(scene, mask, options=options, progress=progress, engine=opener)
        files: dict[str, Path | bytes | None] = {
            MASK: _kept(mask, folder),
            PROBABILITY: _kept(options.probability, folder),
        }
        summary = _without(summary, folder)
    return Prediction(summary=summary, spec=find_model(options.model).spec, files=files)


def _kept(file: Path | None, folder: Path) -> Path | bytes | None:
    """Return the content of a file that goes away with the folder of the call; the path of any other."""
    return file.read_bytes() if file is not None and file.parent == folder else file


def _without(summary: Summary, folder: Path) -> Summary:
    """Return a summary without the names of files that go away."""
    inside = f"{folder}{os.sep}"
    return dataclasses.replace(
        summary,
        scene=summary.scene.removeprefix(inside),
        mask="" if summary.mask.startswith(inside) else summary.mask,
        files=[name for name in summary.files if not name.startswith(inside)],
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Prediction:
    """A mask, and all that was made with it."""

    summary: Summary
    """What the run made, in figures."""
    spec: ModelSpec
    """Of the model."""
    files: Mapping[str, Path | bytes | None]
    """The mask and the probability: where they lie, or their content; None: there is none."""

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in self.summary.shares.items())
        return f"<Prediction of {self.summary.scene}: {self.summary.height} x {self.summary.width} pixels, {shares}>"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by the value that they have in the mask."""
        return self.spec.class_names

    @property
    def ice(self) -> int:
        """The value of ice in the mask."""
        return self.spec.ice

    @property
    def nodata(self) -> int:
        """The value of the mask, and of the probability, where the scene holds no data."""
        return NODATA

    @cached_property
    def mask(self) -> npt.NDArray[np.uint8]:
        """Classes (height, width), ids of `class_names`.

        253 where no class is likely enough (`abstain`), 254 where land was left out, 255 where the scene holds no data.
        """
        return self._read(MASK)

    @cached_property
    def probability(self) -> npt.NDArray[np.uint8] | None:
        """Probability of ice (height, width) in whole per cent, 255 where there is none; None if it was not asked for with a target."""
        return None if self.files[PROBABILITY] is None else self._read(PROBABILITY)

    @cached_property
    def transform(self) -> Affine:
        """From (column, row) of a corner of a pixel to coordinates; the identity for a scene that lies nowhere."""
        with self._opened(MASK) as dataset:
            transform: Affine = dataset.transform
            return transform

    @cached_property
    def crs(self) -> CRS | None:
        """The coordinate reference system, None if the scene has none."""
        with self._opened(MASK) as dataset:
            return dataset.crs

    def to_xarray(self, layer: Layer = "mask") -> xarray.DataArray:
        """Return the mask, or the probability, with its coordinates and the names of its classes (CF: `flag_meanings`).

        >>> seaice.predict("scene.tif", tile=256, overlap=64).to_xarray().dims
        ('y', 'x')

        Raises:
            InstallationError: xarray or rioxarray is not installed.
            ValueError: There is no such layer.
        """
        require_extra("notebook", "to_xarray", "xarray", "rioxarray")
        import rioxarray

        with self._opened(layer) as dataset, rioxarray.open_rasterio(dataset.name) as bands:
            array: xarray.DataArray = bands.squeeze("band", drop=True).load().rename(layer)
        array.attrs.pop("AREA_OR_POINT", None)
        if layer == MASK:
            array.attrs["flag_values"] = np.arange(len(self.class_names), dtype=np.uint8)
            array.attrs["flag_meanings"] = " ".join(name.replace(" ", "_") for name in self.class_names)
        return array

    def polygons(self, **options: Unpack[VectorParameters]) -> geopandas.GeoDataFrame:
        """Return the ice as polygons with the measures of floes; other classes, and other measures, where the options say so.

        >>> floes = seaice.predict("scene.tif", tile=256, overlap=64).polygons(min_pixels=10)
        >>> {"class_name", "area_m2", "geometry"} <= set(floes.columns)
        True

        Args:
            **options: The fields of `seaice_cli.vectorization.options.VectorOptions`.

        Raises:
            InstallationError: geopandas is not installed.
            OptionError: An option does not fit the mask.
        """
        from seaice_cli.api.polygons import vectorize

        chosen: VectorParameters = {"classes": (self.ice,), "attributes": "floe", "blank": True, **options}
        with call_folder() as folder:
            mask = self.path(MASK, folder)
            assert mask is not None  # noqa: S101 - there always is a mask
            found = vectorize(mask, probability=self.path(PROBABILITY, folder), **chosen)
        found.attrs["source"] = self.summary.scene
        return found

    def path(self, layer: Layer, folder: Path) -> Path | None:
        """Return where a layer lies, after it was written into a folder if it is in memory; None if there is none."""
        content = self.files[layer]
        if not isinstance(content, bytes):
            return content
        target = folder / f"{layer}.tif"
        target.write_bytes(content)
        return target

    def _read(self, layer: Layer) -> npt.NDArray[np.uint8]:
        with self._opened(layer) as dataset:
            pixels: npt.NDArray[np.uint8] = dataset.read(1)
        return pixels

    @contextmanager
    def _opened(self, layer: str) -> Iterator[Any]:
        import rasterio

        from seaice_cli.raster.reading.opening import open_raster

        content = self.files.get(layer)
        if content is None:
            raise ValueError(f"there is no {layer!r} of this prediction")
        if isinstance(content, Path):
            with open_raster(str(content)) as dataset:
                yield dataset
            return
        with MemoryFile(content) as memory, rasterio.Env(), open_raster(memory.name) as dataset:
            yield dataset
