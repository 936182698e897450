"""The style that QGIS opens a layer with: outlines that are seen on white and over a scene, and little fill."""

from __future__ import annotations

from xml.etree import ElementTree as ET

Styles = tuple[tuple[int, str, tuple[int, int, int]], ...]


_EDGES = {
    **dict.fromkeys(("ice", "sea ice", "sea_ice"), (230, 120, 20)),
    **dict.fromkeys(("water", "open water", "ocean", "sea"), (30, 90, 200)),
    "cloud": (120, 120, 120), "land": (120, 95, 60), "melt pond": (0, 150, 160), "pond": (0, 150, 160),
}  # fmt: skip
"""White ice on white paper, or over white ice, is not seen: outlines have colours of their own."""
_FILL = 30
"""Of 255: so faint that the scene below is still read."""


def build_qml(styles: Styles) -> str:
    """Return the QML text of a renderer that outlines polygons by class, with a faint fill.

    Args:
        styles: Value, name and colour of every class.
    """
    root = ET.Element("qgis", version="3.28", styleCategories="Symbology")
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="class", enableorderby="0")
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for number, (value, name, color) in enumerate(styles):
        ET.SubElement(
            categories, "category", render="true", symbol=str(number), value=str(value), label=name, type="long"
        )
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
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode")


def _rgba(color: tuple[int, ...], alpha: int) -> str:
    return ",".join(str(channel) for channel in (*color, alpha))
