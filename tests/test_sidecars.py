"""A published file stands alone: nothing beside it that an earlier file, or another program, has left is taken for a part of it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine

from seaice_cli.errors import OutputError
from seaice_cli.outputs import new_file, refuse_target, rename
from seaice_cli.sidecars import LONGEST_NAME, STYLE_MARK, find_sidecars, refuse_database_in_use, sidecar_path

RPC = "\n".join(
    [f"{name}: 1" for name in ("LINE_OFF", "SAMP_OFF", "LAT_OFF", "LONG_OFF", "HEIGHT_OFF")]
    + [f"{name}: 100" for name in ("LINE_SCALE", "SAMP_SCALE", "LAT_SCALE", "LONG_SCALE", "HEIGHT_SCALE")]
    + [
        f"{kind}_{n}: 1"
        for kind in ("LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF")
        for n in range(1, 21)
    ]
)
PLACE = "10\n0\n0\n-10\n5\n5\n"
CORNERS = "".join(f' ({x},{y}) ({x},{y}) Label "p"\n' for x, y in ((0, 0), (1, 0), (0, 1)))
NODATA = "<PAMRasterBand band='1'><NoDataValue>7</NoDataValue></PAMRasterBand>"
LEFT_OVER = {
    "m.tif.aux.xml": f"<PAMDataset><SRS>EPSG:32633</SRS>{NODATA}</PAMDataset>",
    "m.tif.vat.dbf": "rows", "m.tif.xml": "<metadata/>", "m.tfw": PLACE, "m.TFW": PLACE, "m.tifw": PLACE, "m.wld": PLACE,
    "m.RPB": "x", "m_RPC.TXT": RPC, "m.tab": f'!table\nDefinition Table\n File "m.tif"\n Type "RASTER"\n{CORNERS}',
}  # fmt: skip


def raster(path, value=1, **profile):
    with rasterio.open(path, "w", driver="GTiff", width=40, height=30, count=1, dtype="uint8", **profile) as file:
        file.write(np.full((1, 30, 40), value, np.uint8))
    return path


def full(path):
    """Write what another tool leaves: a mask and overviews outside the file."""
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False, TIFF_USE_OVR=True):
        with rasterio.open(path, "w", driver="GTiff", width=40, height=30, count=1, dtype="uint8") as file:
            file.write(np.full((1, 30, 40), 9, np.uint8))
            file.write_mask(np.zeros((30, 40), bool))
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2])


def described(path):
    with rasterio.open(path) as file:
        return (
            file.files,
            file.crs,
            file.transform,
            file.nodata,
            file.rpcs,
            file.overviews(1),
            bool(file.dataset_mask().all()),
        )


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("way", ["new_file", "rename"])
@pytest.mark.parametrize("left", [*LEFT_OVER, "everything"])
def test_nothing_of_an_earlier_raster_is_left(tmp_path, left, way):
    target = tmp_path / "m.tif"
    full(target)
    for name in LEFT_OVER if left == "everything" else [left]:
        (tmp_path / name).write_text(LEFT_OVER[name])
    if way == "new_file":
        with new_file(target, overwrite=True) as partial:
            raster(partial)
    else:
        rename(raster(tmp_path / ".m.partial.tif"), target)
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"]
    assert described(target) == ([str(target)], None, Affine.identity(), None, None, [], True)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_is_left_of_a_file_that_is_gone_is_no_part_of_the_next(tmp_path):
    (tmp_path / "m.tif.aux.xml").write_text(LEFT_OVER["m.tif.aux.xml"])
    with new_file(tmp_path / "m.tif", overwrite=False) as partial:
        raster(partial)
    assert described(tmp_path / "m.tif")[1:4] == (None, Affine.identity(), None)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_its_own_sidecars_go_with_a_file(tmp_path):
    finished = raster(tmp_path / ".m.partial.tif")
    for end in (".aux.xml", ".qml"):
        sidecar_path(finished, end).write_text("new")
        sidecar_path(tmp_path / "m.tif", end).write_text("old")
    rename(finished, tmp_path / "m.tif")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.qml", "m.tif", "m.tif.aux.xml"]
    assert (tmp_path / "m.qml").read_text() == (tmp_path / "m.tif.aux.xml").read_text() == "new"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("found", "left"), [("a style drawn for m.shp", "a style drawn for m.shp"), (f"<!--{STYLE_MARK}-->", "new")]
)
def test_a_style_of_another_file_of_the_stem_stays(tmp_path, found, left):
    (tmp_path / "m.shp").write_text("")
    (tmp_path / "m.qml").write_text(found)
    finished = raster(tmp_path / ".m.partial.tif")
    sidecar_path(finished, ".qml").write_text("new")
    rename(finished, tmp_path / "m.tif")
    assert (tmp_path / "m.qml").read_text() == left
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.qml", "m.shp", "m.tif"]


def test_what_belongs_to_others_stays(tmp_path):
    others = [
        "m.jpg",
        "m.wld",
        "m.tfw",
        "m_rpc.txt",
        "m.prj",
        "m.shp",
        "m2.tfw",
        "M.tif.msk",
        "m.tif.txt",
        "m.qml",
        "m.pgw",
    ]
    for name in others:
        (tmp_path / name).write_text("another's")
    (tmp_path / "m.tab").write_text("!table\nType NATIVE\nFields 1\n")
    assert find_sidecars(tmp_path / "m.tif") == []
    (tmp_path / "m.jpg").unlink()
    (tmp_path / "m.shp").unlink()
    assert find_sidecars(tmp_path / "m.csv") == find_sidecars(tmp_path / "m.geojson") == []


def test_a_shapefile_leaves_none_of_its_files(tmp_path):
    ends = [".shx", ".dbf", ".prj", ".cpg", ".qix", ".sbn", ".sbx", ".qpj", ".shp.xml", ".PRJ"]
    for end in (*ends, ".shp", ".tif", ".gpkg", ".csv"):
        (tmp_path / f"ice{end}").write_text("old")
    assert sorted(p.name for p in find_sidecars(tmp_path / "ice.shp")) == sorted(f"ice{end}" for end in ends)


def database(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (a)")
    connection.execute("INSERT INTO t VALUES (1)")
    return connection


@pytest.mark.parametrize("state", ["idle", "reading", "writing", "without a log"])
def test_a_database_that_is_open_elsewhere_is_refused(tmp_path, state):
    target = tmp_path / "ice.gpkg"
    script = f"""
import sqlite3, sys
c = sqlite3.connect({str(target)!r}, isolation_level=None)
if {state!r} != "without a log": c.execute("PRAGMA journal_mode = WAL")
c.execute("CREATE TABLE t (a)")
if {state!r} == "reading": c.execute("BEGIN"); c.execute("SELECT * FROM t").fetchall()
if {state!r} in ("writing", "without a log"): c.execute("BEGIN IMMEDIATE"); c.execute("INSERT INTO t VALUES (2)")
print("ready", flush=True); sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        with pytest.raises(OutputError, match=r"ice\.gpkg: is open in another program"):
            refuse_target(target, overwrite=True)
        with (
            pytest.raises(OutputError, match="is open in another program"),
            new_file(target, overwrite=True) as partial,
        ):
            partial.write_bytes(b"new")
    finally:
        other.communicate()
    assert target.read_bytes().startswith(b"SQLite")
    refuse_database_in_use(target)


def test_a_log_that_nobody_holds_is_no_obstacle(tmp_path):
    database(tmp_path / "other.gpkg").close()
    for end in ("-wal", "-shm", "-journal"):
        (tmp_path / f"ice.gpkg{end}").write_bytes(b"of a program that was killed")
    with new_file(tmp_path / "ice.gpkg", overwrite=False) as partial:
        (tmp_path / "other.gpkg").replace(partial)
    assert [p.name for p in tmp_path.iterdir()] == ["ice.gpkg"]
    with sqlite3.connect(tmp_path / "ice.gpkg") as opened:
        assert opened.execute("SELECT a FROM t").fetchall() == [(1,)]
    opened.close()


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + bytes(200)])
def test_a_file_that_is_no_database_may_be_replaced(tmp_path, content):
    (tmp_path / "ice.gpkg").write_bytes(content)
    refuse_database_in_use(tmp_path / "ice.gpkg")


@pytest.mark.parametrize("name", ["x" * LONGEST_NAME, "å" * (LONGEST_NAME // 2)])
def test_names_that_leave_no_room_are_refused(tmp_path, name):
    refuse_target(tmp_path / name, overwrite=False)
    with pytest.raises(OutputError, match="too long; choose one of at most"):
        refuse_target(tmp_path / f"{name}xx", overwrite=False)
