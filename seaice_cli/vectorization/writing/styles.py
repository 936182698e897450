"""The style that QGIS opens a layer with: outlines that are seen, little fill, and a form to choose the class in."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

Styles = tuple[tuple[int, str, tuple[int, int, int]], ...]


_EDGES = {
    **dict.fromkeys(("ice", "sea ice", "sea_ice"), (230, 120, 20)),
    **dict.fromkeys(("water", "open water", "ocean", "sea"), (30, 90, 200)),
    "cloud": (120, 120, 120), "land": (120, 95, 60), "melt pond": (0, 150, 160), "pond": (0, 150, 160),
}  # fmt: skip
"""White ice on white paper, or over white ice, is not seen: outlines have colours of their own."""
_FILL = 30
"""Of 255: so faint that the scene below is still read."""


ALIASES = {
    "class": "class (value)", "class_name": "class", "n_pixels": "pixels", "area_m2": "area (m²)",
    "touches_edge": "touches the edge of the data", "lat": "latitude (°)", "lon": "longitude (°)", "perimeter_m": "perimeter (m)",
    "eq_diam_m": "equal-area diameter (m)", "mcd_m": "mean caliper diameter (m)", "feret_max_m": "largest diameter (m)",
    "feret_min_m": "smallest diameter (m)", "orient_deg": "orientation (° from north)", "prob_mean": "mean probability (0 to 1)",
    "prob_min": "least probability (0 to 1)",
}  # fmt: skip
"""What QGIS calls fields, with their units."""


def build_qml(styles: Styles, *, by_name: bool = False, fields: Sequence[str] = ()) -> str:
    """Return the QML text of a renderer that outlines polygons by class, with a faint fill.

    Args:
        styles: Value, name and colour of every class.
        by_name: The attribute holds names, not values; they are chosen from a list where polygons are drawn.
        fields: Names of the attributes, which get aliases with units.
    """
    categories_of_style = "Symbology|Fields|Forms" if by_name else "Symbology|Fields" if fields else "Symbology"
    root = ET.Element("qgis", version="3.28", styleCategories=categories_of_style)
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="class", enableorderby="0")
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, (value, name, color) in enumerate(styles):
        ET.SubElement(
            categories, "category", render="true", symbol=str(number), value=name if by_name else str(value), label=name,
            type="string" if by_name else "long",
        )  # fmt: skip
        symbol = ET.SubElement(symbols, "symbol", type="fill", name=str(number), alpha="1")
        layer = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0"})
        options = ET.SubElement(layer, "Option", type="Map")
        edge = _EDGES.get(name.lower()) or tuple(channel * 2 // 3 for channel in color)
        settings = {
            "color": _rgba(edge, _FILL), "outline_color": _rgba(edge, 255), "outline_style": "solid",
            "outline_width": "0.4", "outline_width_unit": "MM", "style": "solid",
        }  # fmt: skip
        for key, setting in settings.items():
            ET.SubElement(options, "Option", type="QString", name=key, value=setting)
    if fields:
        aliases = ET.SubElement(root, "aliases")
        for name in fields:
            ET.SubElement(aliases, "alias", field=name, index="-1", name=ALIASES.get(name, ""))
    if by_name:
        root.append(_form([name for _, name, _ in styles]))
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode")


def _form(names: list[str]) -> ET.Element:
    """Return the configuration of a field whose value is chosen from a list."""
    form = ET.Element("fieldConfiguration")
    widget = ET.SubElement(ET.SubElement(form, "field", name="class"), "editWidget", type="ValueMap")
    options = ET.SubElement(ET.SubElement(widget, "config"), "Option", type="Map")
    choices = ET.SubElement(options, "Option", type="List", name="map")
    for name in names:
        ET.SubElement(ET.SubElement(choices, "Option", type="Map"), "Option", type="QString", name=name, value=name)
    return form


def write_style(path: Path, layer: str, qml: str) -> None:
    """Store a style beside a layer of a GeoPackage, as QGIS does.

    Raises:
        OSError: It cannot be stored.
    """
    import pyogrio
    from pyogrio.raw import write

    texts = {
        "f_table_catalog": "", "f_table_schema": "", "f_table_name": layer, "f_geometry_column": "geom", "styleName": layer,
        "styleQML": qml, "styleSLD": "", "description": "Classes of the mask in its colours", "owner": "", "ui": "",
    }  # fmt: skip
    columns = {name: np.array([text], object) for name, text in texts.items()}
    columns |= {"useAsDefault": np.array([True]), "update_time": np.array(["NaT"], "datetime64[ms]")}
    try:
        write(path, None, list(columns.values()), list(columns), layer="layer_styles", driver="GPKG")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError) as error:
        raise OSError(errno.EIO, f"its style could not be stored: {error}") from error


def _rgba(color: tuple[int, ...], alpha: int) -> str:
    return ",".join(str(channel) for channel in (*color, alpha))
