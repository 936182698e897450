"""A picture of floe sizes: how many, and how much of the region they cover, with the errors of counting; and the same as a table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from seaice_cli.errors import OptionError
from seaice_cli.extras import require_extra
from seaice_cli.outputs import new_file, refuse_target
from seaice_cli.products.floes import FloeReport, Sizes

FORMATS = (".png", ".svg", ".pdf", ".csv")
_COLUMNS = ("floes", "number_density", "area_density")


def draw_floes(report: FloeReport, target: Path, *, overwrite: bool = False) -> None:
    """Draw the distributions, or write them as a table: .png, .svg, .pdf or .csv.

    Error bars are those of counting (Poisson): a bin of n floes is known to one part in the root of n. Above each bin stands its n.

    Raises:
        OptionError: The target is none of these.
        InstallationError: matplotlib is not installed.
        OutputError: The target exists or cannot be written.
    """
    if target.suffix.lower() not in FORMATS:
        raise OptionError(f"{target}: the plot is a picture or a table; name it {', '.join(FORMATS)}")
    refuse_target(target, overwrite=overwrite)
    with new_file(target, overwrite=overwrite) as partial:
        if target.suffix.lower() == ".csv":
            _write_table(report, partial)
        else:
            _draw(report, partial)


def _draw(report: FloeReport, target: Path) -> None:
    require_extra("notebook", "`plot`", "matplotlib")
    from matplotlib import rc_context
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
    dated = {".pdf": "CreationDate", ".svg": "Date"}.get(target.suffix.lower())
    with rc_context({"svg.hashsalt": "seaice"}):
        figure.savefig(target, dpi=150, metadata={dated: None} if dated else {})


def _write_table(report: FloeReport, target: Path) -> None:
    """Write a row for each bin of each diameter."""
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["diameter", "low_m", "high_m", *_COLUMNS, "number_density_error"])
        for name, sizes in (("equal-area", report.equal_area), ("mean caliper", report.caliper)):
            for b in sizes.bins if sizes else ():
                error = b.number_density / np.sqrt(b.floes) if b.floes else 0.0
                values = (b.low_m, b.high_m, *(getattr(b, column) for column in _COLUMNS), float(error))
                writer.writerow([name, *(f"{v:.9g}" for v in values)])


def _dress(*panels: Any) -> None:
    for axes in panels:
        axes.set(xscale="log", yscale="log", xlabel="floe diameter (km)")
        axes.grid(which="major", color="0.85", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)


def _draw_curve(axes: Any, sizes: Sizes, what: str, name: str, color: str, marker: str) -> None:
    filled = [b for b in sizes.bins if b.floes]
    middles = np.array([np.sqrt(b.low_m * b.high_m) / 1000 for b in filled])
    values = np.array([getattr(b, what) for b in filled])
    errors = values / np.sqrt([b.floes for b in filled])
    below = np.minimum(errors, 0.9 * values)  # of one floe the bar would reach zero, which no logarithmic axis has
    axes.errorbar(
        middles, values, yerr=[below, errors], fmt=marker, color=color, markersize=4, elinewidth=0.8, capsize=2, label=name
    )  # fmt: skip
    if what == "number_density" and name == "equal-area":
        for x, y, b in zip(middles, values + errors, filled, strict=True):
            axes.annotate(
                str(b.floes), (x, y), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=6, color=color
            )


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
