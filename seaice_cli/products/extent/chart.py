"""A picture of a time series: extent, area and marginal ice zone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seaice_cli.errors import OptionError
from seaice_cli.outputs import new_file
from seaice_cli.products.extent.measures import EVERYWHERE, Extent

FORMATS = (".png", ".svg", ".pdf")
_CURVES = (
    ("extent_km2", "extent", "#1b6ca8", "o"), ("area_km2", "area", "#d1672a", "s"),
    ("marginal_ice_zone_km2", "marginal ice zone", "#5a8f3c", "^"), ("missing_km2", "missing", "0.6", "x"),
)  # fmt: skip


def draw_series(extents: Sequence[Extent], target: Path, *, overwrite: bool = False) -> None:
    """Draw a panel for each region: how much ice there was, over time.

    Raises:
        OptionError: The target is no picture, or times are not known.
        OutputError: The target exists or cannot be written.
    """
    if target.suffix.lower() not in FORMATS:
        raise OptionError(f"`plot` {target}: name it {', '.join(FORMATS)}")
    if any(extent.time is None for extent in extents):
        raise OptionError(
            f"`plot` {target}: {extents[0].source} does not say when it was acquired, so no series can be drawn"
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    regions = list(dict.fromkeys(extent.region for extent in extents))
    figure = Figure(figsize=(8, 1 + 3 * len(regions)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, region in zip(figure.subplots(len(regions), 1, sharex=True, squeeze=False)[:, 0], regions, strict=True):
        chosen = sorted((e for e in extents if e.region == region), key=lambda e: e.time or "")
        times = np.array([(e.time or "").removesuffix("Z") for e in chosen], "datetime64[s]")
        for name, label, color, marker in _CURVES:
            axes.plot(times, [getattr(e, name) for e in chosen], color=color, marker=marker, markersize=4, label=label)
        axes.set(ylabel="km²", title="" if region == EVERYWHERE else region, ylim=(0, None))
        axes.grid(color="0.88", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        locator = AutoDateLocator(minticks=2, maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    with new_file(target, overwrite=overwrite) as partial:
        figure.savefig(partial, dpi=150)
