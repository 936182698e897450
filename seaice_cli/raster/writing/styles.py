"""The style that QGIS opens a mask with: its classes, and nothing else.

A colour table of bytes has 256 entries, and QGIS makes a legend of all of them where no style lies beside the file. The style is a
QML of the mask's own name, which every QGIS 3 reads without being asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from seaice_cli.sidecars import STYLE, STYLE_MARK, sidecar_path

Entries = Sequence[tuple[int, str, tuple[int, int, int]]]


def build_raster_qml(entries: Entries) -> str:
    """Return the QML text of a renderer that shows some values of a band in their colours.

    Args:
        entries: Value, name and colour of every class.
    """
    root = ET.Element("qgis", version="3.22.0", styleCategories="Symbology")
    root.append(ET.Comment(STYLE_MARK))
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1", nodataColor=""
    )
    ET.SubElement(renderer, "rasterTransparency")
    palette = ET.SubElement(renderer, "colorPalette")
    for value, name, color in entries:
        ET.SubElement(
            palette,
            "paletteEntry",
            value=str(value),
            label=name,
            color="#{:02x}{:02x}{:02x}".format(*color),
            alpha="255",
        )
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode")


def write_raster_style(raster: Path, entries: Entries) -> None:
    """Write the style beside a raster.

    Raises:
        OSError: It cannot be written.
    """
    sidecar_path(raster, STYLE).write_text(build_raster_qml(entries), encoding="utf-8")
