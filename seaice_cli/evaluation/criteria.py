"""What is to be compared, and what is to be measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from seaice_cli.evaluation.masks import Legend
from seaice_cli.evaluation.metrics.boundaries import Distance

CLOUDS = ("cloud", "clouds", "thick cloud", "thin cloud", "cirrus", "shadow", "cloud shadow")
"""Names of classes that hide whether there is ice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prediction and what is true there."""

    predicted: Path
    """A raster of classes."""
    reference: Path
    """A raster of classes or a vector file, on any grid; one without a CRS has the pixels of the prediction."""
    name: str
    """Names the scene in every report."""
    group: str = ""
    """Scenes of one group look alike: intervals draw them together. Empty: the scene stands for itself."""
    source: str = ""
    """Where the pair was listed, for scores by source."""
    probability: Path | None = None
    """Of ice, on the grid of the prediction: whole per cent with 255 as nodata, or 0 to 1 with NaN."""
    image: Path | None = None
    """The scene itself, for pictures and baselines."""
    seconds: float | None = None
    """What the prediction took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What the values mean, and at which distances and sizes is measured."""

    classes: tuple[str, ...] = ("water", "ice")
    """Names by id."""
    ice: int = 1
    """The class that edges, concentration, probabilities and objects are about."""
    hidden: tuple[int, ...] = ()
    """Classes that are neither ice nor water, such as cloud: no edge, and in no denominator of a concentration."""
    distances: tuple[Distance, ...] = (Distance(3, "px"),)
    """For boundary scores."""
    cells: tuple[float, ...] = (5.0, 10.0, 25.0)
    """Sides of the cells of concentration in km."""
    by_area: bool = False
    """Weigh every pixel of the confusion matrix by its true area; scenes need a CRS."""
    smallest_object: int = 1
    """Objects of fewer pixels are left out."""
    legend: Legend = field(default_factory=Legend)
    """Of references."""
    predicted_legend: Legend = field(default_factory=Legend)

    def __post_init__(self) -> None:
        ids = range(len(self.classes))
        if len(ids) < 2 or self.ice not in ids or not set(self.hidden) <= set(ids) - {self.ice}:
            raise ValueError("needs two classes at least, ice among them, and hidden classes other than ice")


def hidden_classes(names: tuple[str, ...]) -> tuple[int, ...]:
    """Return the ids of classes that hide the sea, by their names."""
    return tuple(i for i, name in enumerate(names) if name.lower().replace("_", " ") in CLOUDS)
