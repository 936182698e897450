"""Drawing a map: pictures, outlines, graticule, scale bar, north arrow, legend and title."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seaice_cli.products.map.content import Content
from seaice_cli.products.map.options import MapOptions
from seaice_cli.products.pictures.colors import Color, paint_classes
from seaice_cli.products.pictures.graticule import BOTTOM, LEFT, RIGHT, TOP, Earth, Line, has_graticule, lines_of

_MARGIN = 0.55
"""Inches around the map, for labels."""
_HEAD, _FOOT = 0.45, 0.62
"""Inches above and below, for title and legend."""
_OVER_SCENE = 0.45
_LINE = "#202020"


def draw(content: Content, options: MapOptions, coast: Any = None) -> Any:
    """Return a matplotlib figure of a map.

    Args:
        content: What it shows.
        options: How it looks.
        coast: Shapely polygons in the frame's CRS; None: none.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    left, bottom, right, top = content.frame.bounds
    wide = options.width - 2 * _MARGIN
    high = wide * _aspect(content) * (top - bottom) / (right - left)
    rows = math.ceil(len(content.legend) / max(1, int(wide / 1.35)))
    foot = _FOOT + 0.2 * rows
    total = high + _HEAD + foot
    figure = Figure(figsize=(options.width, total))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((_MARGIN / options.width, foot / total, wide / options.width, high / total))
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], facecolor="#f4f2ec")
    axes.set_aspect("auto")
    _draw_layers(axes, content, options)
    if coast is not None:
        _draw_coast(axes, coast)
    if has_graticule(content.frame):
        _draw_graticule(axes, lines_of(content.frame), (wide, high))
        _draw_scale_and_north(axes, content)
    title = content.title if options.title is None else options.title
    axes.set_title(title, fontsize=8.5, pad=16, wrap=True)
    _draw_legend(figure, content, (total, foot), columns=max(1, int(wide / 1.35)))
    return figure


def _aspect(content: Content) -> float:
    """Return how much higher than wide a unit of the frame is on the ground at its middle: other than 1 for degrees."""
    if not has_graticule(content.frame) or not Earth(content.frame).geographic:
        return 1.0
    middle = (content.frame.bounds[1] + content.frame.bounds[3]) / 2
    return 1 / max(0.05, math.cos(math.radians(middle)))


def _draw_layers(axes: Any, content: Content, options: MapOptions) -> None:
    left, bottom, right, top = content.frame.bounds
    extent = (left, right, bottom, top)

    def show(picture: Any, **settings: Any) -> None:
        axes.imshow(picture, extent=extent, origin="upper", aspect="auto", interpolation="none", **settings)

    over = content.scene is not None
    opacity = options.opacity or (_OVER_SCENE if over else 1.0)
    if over:
        show(content.scene)
    if content.painted is not None:
        show(content.painted, alpha=opacity)
    if content.classes is None:
        return
    if options.style == "fill":
        show(paint_classes(content.classes, content.colors, opacity))
        return
    for value, color in content.colors.items():
        inside = content.classes == value
        if inside.any() and not inside.all():
            axes.contour(
                inside[::-1].astype(np.float32), [0.5], colors=[_unit(color)], linewidths=0.7, extent=extent, origin="lower"
            )  # fmt: skip


def _unit(color: Color) -> tuple[float, ...]:
    return tuple(channel / 255 for channel in color)


def _draw_coast(axes: Any, polygons: Any) -> None:
    from matplotlib.collections import LineCollection

    rings = [
        np.asarray(ring.coords)[:, :2]
        for polygon in polygons for part in getattr(polygon, "geoms", [polygon])
        for ring in (part.exterior, *part.interiors)
    ]  # fmt: skip
    axes.add_collection(LineCollection(rings, colors="black", linewidths=0.6), autolim=False)


def _draw_graticule(axes: Any, lines: list[Line], size: tuple[float, float]) -> None:
    """Draw the lines, and their names where they leave the frame, unless there is another name."""
    used: list[tuple[int, float]] = []
    for line in lines:
        axes.plot(*line.points.T, color="white", linewidth=0.9, alpha=0.6, scalex=False, scaley=False)
        axes.plot(*line.points.T, color=_LINE, linewidth=0.35, alpha=0.8, scalex=False, scaley=False)
        if line.place is None:
            continue
        x, y = axes.transAxes.inverted().transform(axes.transData.transform(line.place))
        at = y * size[1] if line.edge in (LEFT, RIGHT) else x * size[0]
        room = 0.16 if line.edge in (LEFT, RIGHT) else 0.5
        if any(edge == line.edge and abs(at - other) < room for edge, other in used):
            continue
        used.append((line.edge, at))
        dx, dy, across, up = {
            LEFT: (-4, 0, "right", "center"), RIGHT: (4, 0, "left", "center"),
            BOTTOM: (0, -4, "center", "top"), TOP: (0, 3, "center", "bottom"),
        }[line.edge]  # fmt: skip
        axes.annotate(
            line.text, (x, y), xycoords="axes fraction", xytext=(dx, dy), textcoords="offset points", ha=across, va=up,
            fontsize=6.5, annotation_clip=False,
        )  # fmt: skip


def _draw_scale_and_north(axes: Any, content: Content) -> None:
    """Draw a bar of a round length, and an arrow to the north; both as they are in the middle of the map."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    left, _, right, _ = content.frame.bounds
    middle = Earth(content.frame).middle(content.frame)
    if not math.isfinite(middle.metres) or middle.metres <= 0:
        return
    length = round_length((right - left) * middle.metres / 4)
    share = length / middle.metres / (right - left)
    plate = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "transform": axes.transAxes, "zorder": 5}
    axes.add_patch(Rectangle((0.02, 0.02), share + 0.03, 0.065, **plate))
    for number in range(4):
        axes.add_patch(
            Rectangle(
                (0.035 + share * number / 4, 0.033), share / 4, 0.012, facecolor="black" if number % 2 == 0 else "white",
                edgecolor="black", linewidth=0.5, transform=axes.transAxes, zorder=6,
            )
        )  # fmt: skip
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.text(
        0.035 + share / 2, 0.051, text, ha="center", va="bottom", fontsize=6.5, transform=axes.transAxes, zorder=6
    )
    angle = math.radians(middle.north)
    x, y = axes.transAxes.transform((0.94, 0.92))
    reach = 0.022 * axes.figure.bbox.width
    tail, tip = ((x + s * reach * math.sin(angle), y + s * reach * math.cos(angle)) for s in (-1, 1))
    back = axes.transAxes.inverted()
    halo = [withStroke(linewidth=3, foreground="white")]
    axes.annotate(
        "", back.transform(tip), back.transform(tail), xycoords="axes fraction", textcoords="axes fraction", zorder=6,
        arrowprops={"arrowstyle": "-|>", "color": "black", "linewidth": 1.2, "path_effects": halo},
    )  # fmt: skip
    text_at = back.transform((x + 1.55 * reach * math.sin(angle), y + 1.55 * reach * math.cos(angle)))
    axes.text(
        *text_at, "N", ha="center", va="center", fontsize=8, weight="bold", transform=axes.transAxes, zorder=6,
        path_effects=halo,
    )  # fmt: skip


def round_length(metres: float) -> float:
    """Return the largest of 1, 2, 5, 10, ... that is at most so long."""
    power = 10.0 ** math.floor(math.log10(metres))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= metres)


def _draw_legend(figure: Any, content: Content, heights: tuple[float, float], *, columns: int) -> None:
    from matplotlib.patches import Patch

    total, foot = heights
    handles = [
        Patch(facecolor=_unit(color), edgecolor="0.3", linewidth=0.4, label=name) for name, color in content.legend
    ]
    figure.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, (foot - 0.26) / total), ncols=min(columns, len(handles) or 1),
        frameon=False, fontsize=7.5,
    )  # fmt: skip
