"""Masks of several overpasses or days put together into one: cloud moves, ice hardly does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window

from seaice_cli import __version__
from seaice_cli.errors import OptionError, OutputError
from seaice_cli.extras import require_extra
from seaice_cli.outputs import new_file, refuse_target, writing
from seaice_cli.products.composite.merging import Merger
from seaice_cli.products.composite.options import LATEST, PROBABILITY, CompositeOptions
from seaice_cli.products.composite.placing import Canvas, Placed, canvas_of, place_mask, place_probability
from seaice_cli.products.meanings import ICE, LAND, NODATA, UNKNOWN, VALUES, WATER, kinds_of, lookup_of
from seaice_cli.raster.reading.acquisition import TAG, Span, acquired
from seaice_cli.raster.reading.region import LAND as LAND_VALUE
from seaice_cli.raster.reading.region import NODATA as NODATA_VALUE
from seaice_cli.raster.reading.region import UNSURE
from seaice_cli.raster.writing.cog import Layer, copy_cog
from seaice_cli.raster.writing.verification import Written, verify, written
from seaice_cli.stac.items import item_path, write_item
from seaice_cli.vectorization.masks import Mask
from seaice_cli.vectorization.writing.formats import check_target, replacing

Progress = Callable[[Iterable[Any]], Iterable[Any]]

MAX_SCENES = 255
LAYERS = ("source", "clear", "disagreement")
_STRIP_PIXELS = 1 << 22
_MOST_PIXELS = 24 << 20
"""Of a strip that is widened to whole blocks."""
_BARE = {0: "water", 1: "ice"}
"""What masks hold that name no classes."""


@dataclass(slots=True)
class CompositeSummary:
    """What was made."""

    target: str
    scenes: list[str]
    """The oldest first; those beyond the greatest age are left out."""
    height: int
    width: int
    pixels: dict[str, int] = field(default_factory=dict)
    """Counts: clear, hidden, land, nodata, and those on which scenes disagree."""
    hidden: dict[str, float] = field(default_factory=dict)
    """Share that cloud hides of what is no land, of every scene and of the composite."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Scene:
    """A scene of the composite, open."""

    mask: Mask
    values: Placed
    lookup: npt.NDArray[np.uint8]
    """What its values are."""
    renamed: npt.NDArray[np.uint8]
    """Its values in terms of the composite's classes."""
    percent: Placed | None


def composite(  # noqa: PLR0913 - one argument for each thing given
    masks: Sequence[Path],
    target: Path,
    *,
    layers: Path | None = None,
    options: CompositeOptions | None = None,
    probabilities: Sequence[Path] = (),
    times: Sequence[Span] = (),
    stac: bool = False,
    overwrite: bool = False,
    progress: Progress = iter,
) -> CompositeSummary:
    """Put masks together into one on the grid of the first, grown to hold all, strip by strip.

    Args:
        masks: Rasters of classes; those of other grids are reprojected by the most frequent class.
        target: The mask that is made, a COG; its sidecars come with it.
        layers: A raster of three bands that is made, too: from which scene a pixel is (0: none saw it clear), how many saw it
            clear, and 1 where those disagree about ice.
        options: Rules.
        probabilities: Per cent of ice on the grid of each mask.
        times: When each was acquired; none: what the masks' tags say, or that they are given in their order.
        stac: Also write a STAC item, the mask's name with .json in place of its suffix; all masks must say when they were acquired.
        overwrite: Replace files that exist.
        progress: Wraps the rows that strips begin with.

    Raises:
        SceneError: A mask cannot be read.
        OptionError: Options do not fit each other or the masks.
        OutputError: A target exists or cannot be written.
    """
    options = options or CompositeOptions()
    rule = options.rule or (PROBABILITY if probabilities else LATEST)
    _check(masks, target, layers, rule, probabilities, times)
    for path in filter(None, (target, layers)):
        check_target(path, overwrite=overwrite)
    if stac:
        require_extra("stac", "a STAC item")
        refuse_target(item_path(target), overwrite=overwrite)
    with ExitStack() as stack:
        opened = [stack.enter_context(Mask(path, band=options.band)) for path in masks]
        moments = _moments(opened, times)
        if stac and not moments:
            raise OptionError("`stac`: an item says when, and not all masks do; say it with `time`, once for each")
        order = _order(opened, moments, options.max_age)
        chosen = [opened[k] for k in order]
        canvas = canvas_of(chosen)
        names = _names(chosen)
        scenes = [
            _open(stack, opened[k], canvas, names, options, probabilities[k] if probabilities else None) for k in order
        ]
        tags = _tags(chosen, names, rule, [moments[k] for k in order] if moments else [])
        summary = CompositeSummary(str(target), [s.mask.path.name for s in scenes], canvas.height, canvas.width)
        stack.enter_context(_naming(target))
        made = (stack.enter_context(replacing(target)), stack.enter_context(replacing(layers)) if layers else None)
        item = stack.enter_context(new_file(item_path(target), overwrite=overwrite)) if stac else None
        strips = _merge(scenes, canvas, rule, options, summary, progress)
        _write(strips, (target, layers), made, Layer(
            height=canvas.height, width=canvas.width, crs=canvas.crs, transform=canvas.transform, tags=tags,
            names=[names.get(value, "") for value in range(max(names) + 1)],
            colors=_colors(chosen[0], max(names) + 1), with_land=True, with_unsure="UNSURE" in tags,
        ))  # fmt: skip
        if item:
            write_item(made[0], item, known_as=target, assets={"layers": layers} if layers else None)
    return summary


@contextmanager
def _naming(target: Path) -> Iterator[None]:
    """Turn what goes wrong while files are written beside their targets into an error that names the target."""
    try:
        with writing(target):
            yield
    except SystemError as error:  # from rasterio, when GDAL fails without saying why
        raise OutputError(f"{target}: cannot be written; make room or choose another place") from error
    except OutputError as error:
        raise OutputError(
            str(error).replace(str(target.parent / f".{target.name}.partial" / target.name), str(target))
        ) from error


def _check(
    masks: Sequence[Path], target: Path, layers: Path | None, rule: str, probabilities: Sequence[Path], times: Sequence[Span]
) -> None:  # fmt: skip
    if not 1 <= len(masks) <= MAX_SCENES:
        raise OptionError(f"{len(masks)} masks: give 1 to {MAX_SCENES}")
    for path in filter(None, (target, layers)):
        if path.suffix.lower() not in (".tif", ".tiff"):
            raise OptionError(f"{path}: is written as GeoTIFF; name it .tif")
        if path.resolve() in {mask.resolve() for mask in masks}:
            raise OptionError(f"{path}: is one of the masks that are read; name another file")
    if layers is not None and layers.resolve() == target.resolve():
        raise OptionError(f"`layers` {layers}: is the mask itself; name another file")
    if rule == PROBABILITY and not probabilities:
        raise OptionError("`rule` probability: needs `probability`, one for each mask")
    _check_count(len(masks), probabilities, "probability")
    _check_count(len(masks), times, "time")


def _check_count(masks: int, given: Sequence[object], name: str) -> None:
    if given and len(given) != masks:
        raise OptionError(f"{len(given)} `{name}` for {masks} masks; give one for each, in their order")


def _moments(masks: Sequence[Mask], times: Sequence[Span]) -> list[Span]:
    """Return when each mask was acquired; none if that is not known of all."""
    if times:
        return list(times)
    found = [acquired(mask.tags) for mask in masks]
    return [spans[0] for spans in found] if all(found) else []


def _order(masks: Sequence[Mask], moments: Sequence[Span], max_age: float | None) -> list[int]:
    """Return which masks are used, the oldest first."""
    if not moments:
        if max_age is not None:
            raise OptionError(
                "`max_age`: the masks' tags do not say when they were acquired; say it with `time`, once for each"
            )
        return list(range(len(masks)))
    order = sorted(range(len(masks)), key=lambda k: moments[k][1])
    newest = moments[order[-1]][1]
    return [k for k in order if max_age is None or newest - moments[k][1] <= timedelta(hours=max_age)]


def _names(masks: Sequence[Mask]) -> dict[int, str]:
    """Return the classes of the composite: those of the first mask, and what others have besides."""
    names = {v: n for v, n in masks[0].names.items() if v < LAND_VALUE} or dict(_BARE)
    for mask in masks[1:]:
        for name in (n for v, n in sorted(mask.names.items()) if v < LAND_VALUE and n not in names.values()):
            names[next(v for v in range(LAND_VALUE) if v not in names)] = name
    return names


def _open(
    stack: ExitStack, mask: Mask, canvas: Canvas, names: dict[int, str], options: CompositeOptions, percent: Path | None
) -> _Scene:  # fmt: skip
    lookup = lookup_of(mask, options.meanings)
    by_name = {name: value for value, name in names.items()}
    renamed = np.full(VALUES + 1, NODATA_VALUE, np.uint8)
    renamed[:VALUES] = np.arange(VALUES)
    for value, name in mask.names.items():
        if value < LAND_VALUE:
            renamed[value] = by_name[name]
    renamed[lookup == NODATA] = NODATA_VALUE
    renamed[lookup == LAND] = LAND_VALUE
    placed = place_mask(stack, mask, canvas)
    return _Scene(mask, placed, lookup, renamed, place_probability(stack, percent, mask, canvas) if percent else None)


def _merge(
    scenes: Sequence[_Scene], canvas: Canvas, rule: str, options: CompositeOptions, summary: CompositeSummary, progress: Progress
) -> Iterator[tuple[int, list[npt.NDArray[np.uint8]]]]:  # fmt: skip
    """Yield the first rows of strips, and the mask and the layers there."""
    ice = int(np.flatnonzero(scenes[0].lookup[:VALUES] == ICE)[0])
    counts, seen = np.zeros(5, np.int64), np.zeros((len(scenes), 2), np.int64)
    rows = _strip_rows(scenes, canvas)
    for top in progress(range(0, canvas.height, rows)):
        stop = min(top + rows, canvas.height)
        merger = Merger((stop - top, canvas.width), rule=rule, ice=ice, threshold=options.threshold)
        for number, scene in enumerate(scenes, start=1):
            seen[number - 1] += _add(merger, number, scene, top, stop)
        disagree = merger.finish()
        counts += _count(merger, disagree)
        yield top, [merger.values, merger.source, merger.clear, disagree]
    summary.pixels = dict(zip(("clear", "hidden", "land", "nodata", "disagreement"), counts.tolist(), strict=True))
    named = [f"{k}: {scene.mask.path.name}" for k, scene in enumerate(scenes, start=1)]
    shares = [
        hidden / known if known else 0.0 for hidden, known in [*seen.tolist(), [counts[1], counts[0] + counts[1]]]
    ]
    summary.hidden = {name: round(float(share), 6) for name, share in zip([*named, "composite"], shares, strict=True)}


def _strip_rows(scenes: Sequence[_Scene], canvas: Canvas) -> int:
    """Return how many rows are merged at once: whole blocks where memory allows, so that none is read twice."""
    wanted = max(1, _STRIP_PIXELS // canvas.width)
    block = max(scene.mask.block_rows for scene in scenes)
    return max(wanted // block * block, block) if block * canvas.width <= _MOST_PIXELS else wanted


def _add(merger: Merger, number: int, scene: _Scene, top: int, stop: int) -> tuple[int, int]:
    """Add what a scene shows of some rows; return how many pixels it hides, and how many are no land."""
    found = scene.values.read(top, stop, VALUES)
    if found is None:
        return 0, 0
    at, pixels = found
    kinds, percent = kinds_of(pixels, scene.lookup), None
    if scene.percent and (rated := scene.percent.read(top, stop, NODATA_VALUE)):
        percent = rated[1].astype(np.uint8)
    merger.add(number, kinds_of(pixels, scene.renamed), kinds, at=at, percent=percent)
    hidden = int(np.count_nonzero(kinds == UNKNOWN))
    return hidden, hidden + int(np.count_nonzero((kinds == ICE) | (kinds == WATER)))


def _count(merger: Merger, disagree: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    land, nodata = int((merger.values == LAND_VALUE).sum()), int((merger.values == NODATA_VALUE).sum())
    clear = int((merger.source > 0).sum())
    return np.array([clear, merger.values.size - clear - land - nodata, land, nodata, int(disagree.sum())])


def _tags(masks: Sequence[Mask], names: dict[int, str], rule: str, moments: Sequence[Span]) -> dict[str, str]:
    tags = {
        "SOFTWARE": f"seaice {__version__}",
        "SCENE": ", ".join(mask.path.name for mask in masks),
        "RULE": rule,
        "LAND": str(LAND_VALUE),
        **{f"CLASS_{value}": name for value, name in names.items()},
        **{f"SCENE_{k}": mask.path.name for k, mask in enumerate(masks, start=1)},
    }
    if any("UNSURE" in mask.tags for mask in masks):
        tags["UNSURE"] = str(UNSURE)
    if masks[0].ice is not None:
        tags["ICE_CLASS"] = str(masks[0].ice)
    if moments:
        first, last = min(m[0] for m in moments), max(m[1] for m in moments)
        tags[TAG] = "/".join(f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (first, last))
    return tags


def _colors(mask: Mask, count: int) -> list[tuple[int, int, int]]:
    try:
        table = mask.colors
    except ValueError:  # there is none
        return []
    return [table.get(value, (0, 0, 0)) for value in range(count)]


def _write(
    strips: Iterator[tuple[int, list[npt.NDArray[np.uint8]]]], targets: tuple[Path, Path | None], made: tuple[Path, Path | None],
    layer: Layer,
) -> None:  # fmt: skip
    """Write strips beside the targets as they come, then make a COG of the mask, and verify both."""
    mask, layers = made
    raw = mask.with_name("strips.tif")
    profile: dict[str, Any] = {
        "driver": "GTiff", "dtype": "uint8", "height": layer.height, "width": layer.width, "compress": "LZW", "crs": layer.crs,
        "transform": layer.transform, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    tiles = {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "band"}
    expected: tuple[list[Written], list[Written]] = ([], [])
    with ExitStack() as stack:
        file = stack.enter_context(rasterio.open(raw, "w", count=1, **profile))
        beside = layers and stack.enter_context(rasterio.open(layers, "w", count=len(LAYERS), **profile, **tiles))
        for top, (values, *others) in strips:
            window = Window(col_off=0, row_off=top, width=layer.width, height=len(values))
            file.write(values, 1, window=window)
            expected[0].append(written(window, values[None]))
            if beside:
                beside.write(np.stack(others), window=window)
                expected[1].append(written(window, np.stack(others)))
        if beside:
            beside.update_tags(**layer.tags)
            for index, name in enumerate(LAYERS, start=1):
                beside.set_band_description(index, name)
    copy_cog(raw, mask, layer)
    raw.unlink()
    for path, target, parts in zip(made, targets, expected, strict=True):
        if path and target:
            verify(path, parts, target)
