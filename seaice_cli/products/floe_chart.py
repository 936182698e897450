"""A picture of floe sizes: how many, and how much of the region they cover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seaice_cli.errors import OptionError, OutputError
from seaice_cli.extras import require_extra
from seaice_cli.products.floes import FloeReport, Sizes


def draw_floes(report: FloeReport, target: Path, *, overwrite: bool = False) -> None:
    """Draw the distributions as a PNG.

    Raises:
        OptionError: The target is no .png.
        InstallationError: matplotlib is not installed.
        OutputError: The target exists or cannot be written.
    """
    if target.suffix.lower() != ".png":
        raise OptionError(f"{target}: the plot is a PNG; name it .png")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already; replace it with `overwrite` or choose another name")
    require_extra("notebook", "`plot`", "matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    curves = (("equal-area", report.equal_area, "#1b6ca8", "o"), ("mean caliper", report.caliper, "#d1672a", "s"))
    for name, sizes, color, marker in curves:
        if sizes is not None:
            _draw_curve(left, sizes, "number_density", name, color, marker)
            _draw_curve(right, sizes, "area_density", name, color, marker)
            _draw_fit(left, sizes, color)
    left.set_ylabel("floes per km² and km of diameter")
    right.set_ylabel("share of area per km of diameter")
    _dress(left, right)
    leads = "" if report.lead_fraction is None else f", lead fraction {report.lead_fraction:.3f}"
    figure.suptitle(
        f"{report.source}: {report.floes} floes, {report.left_out} at the edge left out{leads}", fontsize=10
    )
    try:
        figure.savefig(target, dpi=150)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror}); choose another folder") from error


def _dress(*panels: Any) -> None:
    for axes in panels:
        axes.set(xscale="log", yscale="log", xlabel="floe diameter (km)")
        axes.grid(which="major", color="0.85", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)


def _draw_curve(axes: Any, sizes: Sizes, what: str, name: str, color: str, marker: str) -> None:
    filled = [b for b in sizes.bins if b.floes]
    middles = [np.sqrt(b.low_m * b.high_m) / 1000 for b in filled]
    axes.plot(middles, [getattr(b, what) for b in filled], marker, color=color, markersize=4, label=name)


def _draw_fit(axes: Any, sizes: Sizes, color: str) -> None:
    """Draw the fitted law through the floes it was fitted to: as many, spread as it says."""
    fit = sizes.fit
    if fit is None:
        return
    known = [b for b in sizes.bins if b.floes]
    per_floe = known[0].number_density * (known[0].high_m - known[0].low_m) / 1000 / known[0].floes
    x = np.geomspace(fit.smallest, sizes.largest_m, 50)
    density = per_floe * fit.floes * (fit.exponent - 1) / (fit.smallest / 1000) * (x / fit.smallest) ** -fit.exponent
    axes.plot(x / 1000, density, color=color, linewidth=1, label=f"exponent {fit.exponent:.2f} ± {fit.error:.2f}")
