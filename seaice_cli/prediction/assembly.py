"""From finished parts to the files of a run: mask, probability, polygons, preview."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seaice_cli.network.engines import Engine
from seaice_cli.outputs import write_error
from seaice_cli.prediction.job import Job
from seaice_cli.prediction.parts.counting import Counts
from seaice_cli.prediction.parts.recording import MASK, PROBABILITY
from seaice_cli.prediction.tags import provenance
from seaice_cli.products.preview import write_preview
from seaice_cli.raster.reading.quicklook import Quicklook
from seaice_cli.raster.writing.cog import Layer, Level, assemble_cog, assemble_png
from seaice_cli.stac.items import item_path, write_item

Maker = Callable[[Path], None]
"""Writes a file under the path it is given."""


class Assembly:
    """Makes the files of a job from its finished parts.

    Args:
        job: What is to be made.
        layers: Every layer with its overviews, in the compressed blocks of finished parts.
        counts: What the parts have counted.
        engine: What has computed them.
        folder: For files that are not wanted themselves.
        quicklook: The decimated scene of the preview, if there is to be one.
    """

    def __init__(
        self,
        job: Job,
        layers: Mapping[str, Sequence[Level]],
        counts: Counts,
        engine: Engine,
        *,
        folder: Path,
        quicklook: Quicklook | None = None,
    ) -> None:
        self._job, self._layers, self._folder, self._quicklook = job, layers, folder, quicklook
        spec, scene = job.model.spec, job.scene
        self._layer = Layer(
            height=scene.height, width=scene.width, crs=scene.crs, transform=scene.transform,
            rpcs=scene.rpcs, tags=provenance(job, engine, counts),
            names=spec.class_names, colors=[c.color for c in spec.classes], with_land=bool(job.region.land),
            with_unsure=job.options.abstain is not None, styled=_may_be_styled(job),
        )  # fmt: skip
        self._mask = self._probability = Path()
        self.polygons: int | None = None
        """How many polygons were written; None where none are wanted."""

    def makers(self) -> dict[Path, Maker]:
        """Return what writes each target, in the order in which they depend on each other."""
        options = self._job.options
        chosen: list[tuple[Path | None, Maker]] = [
            (self._job.target, self._write_mask),
            (options.probability, self._write_probability),
            (options.vector, self._write_polygons),
            (options.preview, self._write_preview),
            (item_path(self._job.target) if options.stac else None, self._write_item),
        ]
        return {target: maker for target, maker in chosen if target is not None}

    def _write_mask(self, path: Path) -> None:
        as_png = self._job.options.format == "png"
        self._mask = self._folder / "mask.tif" if as_png else path
        assemble_cog(self._layers[MASK], self._mask, self._layer)
        if as_png:
            assemble_png(self._mask, path, self._layer, ice=self._job.model.spec.ice)

    def _write_probability(self, path: Path) -> None:
        spec = self._job.model.spec
        tags = {**self._layer.tags, "UNITS": "per cent", "BAND": f"probability of {spec.class_names[spec.ice]}"}
        continuous = replace(self._layer, tags=tags, names=(), colors=())
        assemble_cog(self._layers[PROBABILITY], path, continuous)
        self._probability = path

    def _write_preview(self, path: Path) -> None:
        if self._quicklook is None:
            raise ValueError("a preview needs the quicklook of its scene")
        colors = [c.color for c in self._job.model.spec.classes]
        write_preview(self._quicklook.rows(), self._mask, path, colors=colors, ends=self._job.radiometry.rescale)

    def _write_item(self, path: Path) -> None:
        options = self._job.options
        named = {"probability": options.probability, "vector": options.vector, "preview": options.preview}
        assets = {name: file for name, file in named.items() if file is not None}
        write_item(self._mask, path, known_as=self._job.target, assets=assets)

    def _write_polygons(self, folder: Path) -> None:
        """Write the ice as polygons, into a folder of its own: some formats are several files."""
        from seaice_cli.vectorization.pipeline import VectorOptions, vectorize

        target = self._job.options.vector
        if target is None:
            raise ValueError("no polygons are wanted")
        spec, scene = self._job.model.spec, self._job.scene
        bands = tuple(scene.bands[k] for k in spec.floe_bands) if self._job.options.split_floes else ()
        options = VectorOptions(
            classes=(spec.ice,), attributes="floe", overwrite=True, blank=True,
            split_floes=self._job.options.split_floes, floe_window=self._job.options.floe_window,
            landscape_bands=bands or None,
        )  # fmt: skip
        try:
            folder.mkdir()
        except OSError as error:
            raise write_error(target, error) from error
        if not self._job.options.probability:
            self._write_probability(self._folder / "probability.tif")
        self.polygons = vectorize(
            self._mask,
            folder / target.name,
            options=options,
            probability=self._probability,
            landscape=scene.path if bands else None,
        ).polygons


def _may_be_styled(job: Job) -> bool:
    """Tell whether a style of the mask's stem is the mask's alone; the layers of a GeoPackage have styles of their own."""
    others = [path for path in job.targets[1:] if path.with_suffix("") == job.target.with_suffix("")]
    return job.options.format != "png" and all(path.suffix.lower() == ".gpkg" for path in others)
