"""The style that QGIS opens a layer with: every class in its colour."""

from __future__ import annotations

from xml.etree import ElementTree as ET

Styles = tuple[tuple[int, str, tuple[int, int, int]], ...]


def build_qml(styles: Styles) -> str:
    """Return the QML text of a renderer that fills polygons by class.

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
        edge = tuple(channel * 2 // 3 for channel in color)
        settings = {
            "color": _rgba(color, 200), "outline_color": _rgba(edge, 255), "outline_style": "solid",
            "outline_width": "0.1", "outline_width_unit": "MM", "style": "solid",
        }  # fmt: skip
        for key, setting in settings.items():
            ET.SubElement(options, "Option", type="QString", name=key, value=setting)
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode")


def _rgba(color: tuple[int, ...], alpha: int) -> str:
    return ",".join(str(channel) for channel in (*color, alpha))
