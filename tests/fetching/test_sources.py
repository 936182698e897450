"""The table of sources, as the field knows it."""

from seaice_cli import choices
from seaice_cli.fetching.sources import find_source, sources
from seaice_cli.raster.reading.sensors import Facts, recognise
from tests.gibs_server import BANDS721, XML


def test_the_command_line_offers_what_the_table_has():
    assert tuple(sources()) == choices.SOURCES


def test_tiles_are_called_as_the_shipped_descriptions_call_them():
    for name, file in (("gibs-truecolor", XML), ("gibs-721", BANDS721)):
        source = find_source(name)
        layer = f"{source.satellites['terra']}_{source.pictures[0].layer}"
        path = source.path.format(epsg=3413, layer=layer, day="2024-06-01", level="${z}", row="${y}", column="${x}")
        assert f"{source.address()}/{path}" in file.read_text()


def test_mirrors_are_named_by_option_then_environment(monkeypatch):
    source = find_source("viirs")
    assert source.address() == "https://gibs.earthdata.nasa.gov/wmts"
    monkeypatch.setenv("SEAICE_SERVER", "http://mirror/wmts/")
    assert source.address() == "http://mirror/wmts"
    assert source.address("http://other") == "http://other"


def test_scenes_are_recognised_by_their_bands_and_layers():
    for source in sources().values():
        layer = f"{source.satellites[source.satellite(None)]}_{source.pictures[0].layer}"
        facts = Facts(path="scene.tif", dtype="uint8", tags={"LAYER": layer}, descriptions=source.bands)
        assert recognise(facts).name == ("viirs" if source.name == "viirs" else "modis")
