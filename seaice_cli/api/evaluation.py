"""`evaluate`: masks against what is true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from affine import Affine

from seaice_cli.api.prediction import MASK, PROBABILITY, Prediction
from seaice_cli.api.sources import Placement, Source, call_folder, locate
from seaice_cli.data.labels.encoding import LabelEncoding, parse_values
from seaice_cli.data.labels.reading import detect_encoding
from seaice_cli.data.samples import Sample
from seaice_cli.errors import OptionError
from seaice_cli.evaluation.criteria import Criteria, Pair, hidden_classes
from seaice_cli.evaluation.masks import Legend, named_classes
from seaice_cli.evaluation.metrics.boundaries import Distance
from seaice_cli.evaluation.pipeline import Evaluation
from seaice_cli.evaluation.pipeline import evaluate as run


def evaluate(
    predicted: Source | Prediction | Sequence[Source | Prediction],
    reference: Source | Sequence[Source],
    *,
    classes: Sequence[str] = (),
    ice: str | None = None,
    hidden: Sequence[str] | None = None,
    values: str | None = None,
    attribute: str | None = None,
    boundary: Sequence[str] = ("3px",),
    cells: Sequence[float] = (5.0, 10.0, 25.0),
    by_area: bool = False,
    resamples: int = 1000,
    transform: Affine | None = None,
    crs: Any = None,
) -> Evaluation:
    """Score masks against references: `seaice eval`.

    >>> found = seaice.predict("scene.tif", tile=256, overlap=64)
    >>> scores = seaice.evaluate(found, "truth.tif").scores
    >>> 0.5 < scores["iou:water"] <= 1
    True

    Args:
        predicted: A mask as a path, an open rasterio dataset, an array (height, width), an `xarray.DataArray` or what `predict`
            gave; or a list of such, scored together.
        reference: What is true there, in the same number: a raster of classes or a vector file, on any grid.
        classes: Names by id; none: those that the mask carries, else water and ice.
        ice: The class that edges, concentration and objects are about; None: the mask's, or "ice".
        hidden: Classes that hide the sea; None: those named cloud.
        values: What the values of references stand for, such as "0:0,255:1"; None: found from them.
        attribute: The field of a vector reference that names the class.
        boundary: Distances of boundary scores: "3px", "500m", "0.5%".
        cells: Sides of the cells of concentration in km.
        by_area: Weigh pixels by their true area.
        resamples: Bootstrap resamples of the intervals; 0: none.
        transform: Of arrays, from (column, row) to coordinates.
        crs: Of arrays.

    Raises:
        SeaIceError: A file cannot be read or does not fit; a class or a distance is none.
        ValueError: There are not as many references as masks.
    """
    masks, references = _listed(predicted), _listed(reference)
    with call_folder() as folder:
        place = Placement(transform=transform, crs=crs)
        pairs = [_pair(n, m, r, folder, place) for n, (m, r) in enumerate(zip(masks, references, strict=True))]
        known = named_classes(pairs[0].predicted) or (("water", "ice"), 1)
        names = tuple(classes) or known[0]
        chosen = _id(ice, names) if ice is not None else known[1] if names == known[0] else _id("ice", names)
        encoding = LabelEncoding(
            classes=len(names), values=parse_values(values) if values else None, attribute=attribute
        )
        samples = [Sample(p.predicted, p.reference, p.name) for p in pairs]
        criteria = Criteria(
            classes=names,
            ice=chosen,
            hidden=tuple(
                i
                for i in ([_id(n, names) for n in hidden] if hidden is not None else hidden_classes(names))
                if i != chosen
            ),
            distances=tuple(Distance.parse(text) for text in boundary),
            cells=tuple(cells),
            by_area=by_area,
            legend=legend_of(detect_encoding(samples, encoding), chosen),
        )
        return run(pairs, criteria, resamples=resamples)


def legend_of(encoding: LabelEncoding, ice: int) -> Legend:
    """Return what the values of references stand for, as evaluation reads them."""
    values, palette = encoding.values, encoding.palette
    return Legend(
        ids=None if values is None else values.ids,
        other=None if values is None else values.other,
        attribute=encoding.attribute,
        layer=encoding.layer,
        palette=None if palette is None else palette.classes_of,
        inside=ice,
        background=encoding.background,
    )


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _id(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise OptionError(f"there is no class {name!r}; there are {', '.join(names)}")
    return list(names).index(name)


def _pair(number: int, predicted: Any, reference: Source, folder: Path, placement: Placement) -> Pair:
    here = folder / str(number)
    here.mkdir()
    probability = None
    if isinstance(predicted, Prediction):
        mask, probability = predicted.path(MASK, here), predicted.path(PROBABILITY, here)
    else:
        mask = Path(locate(predicted, here, _of(predicted, placement), name="mask"))
    assert mask is not None  # noqa: S101 - a prediction always has a mask
    truth = Path(locate(reference, here, _of(reference, placement), name="reference"))
    return Pair(
        predicted=mask,
        reference=truth,
        name=f"{truth.stem}" if truth.parent != here else str(number),
        probability=probability,
    )


def _of(source: Any, placement: Placement) -> Placement:
    import numpy as np

    return placement if isinstance(source, np.ndarray) else Placement()
