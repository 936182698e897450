"""`seaice predict --cluster`: the masks of one machine, whoever computes them, and one line for what goes wrong."""

import csv
import io
import json
from pathlib import Path

import pytest
import rasterio

from tests.cluster.processes import Cluster, environment, free_port, hidden, seaice


def predict(cluster, maps, scenes, output, *options, env=None):
    where = cluster if isinstance(cluster, str) else cluster.address
    return seaice(
        "predict", *scenes, "-o", output, *maps.options(), "--cluster", where, *options, folder=maps.folder, env=env
    )


def test_scenes_are_mapped_as_by_one_machine_and_one_that_fails_stops_no_other(cluster, maps, tmp_path):
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(b"II*\0 no scene")
    done = predict(cluster, maps, [*maps.scenes, damaged], tmp_path / "day")
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == [
        line for line in done.stderr.splitlines() if str(damaged) in line
    ]
    for name, content in maps.masks.items():
        assert (tmp_path / "day" / name).read_bytes() == content
    rows = list(csv.DictReader(io.StringIO((tmp_path / "day" / "summary.csv").read_text())))
    assert [row["status"] for row in rows] == ["done"] * len(maps.scenes) + ["failed"]
    assert "not a raster" in rows[-1]["error"]
    assert all(row["workers"].startswith("tcp://") for row in rows)
    assert all(int(row["windows_run"]) > 0 for row in rows[:-1])
    # The records of what is done stay until all is: the same command computes nothing twice.
    again = predict(cluster, maps, [*maps.scenes, damaged], tmp_path / "day", "--json")
    assert [one.get("windows_run") for one in json.loads(again.stdout)] == [0] * len(maps.scenes) + [None]
    rest = predict(cluster, maps, maps.scenes, tmp_path / "day")
    assert rest.returncode == 0, rest.stderr
    assert hidden(tmp_path / "day") == []


def test_one_scene_is_shared_by_its_parts(cluster, maps, tmp_path):
    done = predict(cluster, maps, maps.scenes[:1], tmp_path / "mask.tif", "--json", "--probability", tmp_path / "p.tif",
                   "--preview", tmp_path / "p.png")  # fmt: skip
    assert done.returncode == 0, done.stderr
    plain = seaice("predict", maps.scenes[0], "-o", tmp_path / "one.tif", *maps.options(), "--probability", tmp_path / "q.tif",
                   "--preview", tmp_path / "q.png", folder=maps.folder)  # fmt: skip
    assert plain.returncode == 0
    assert (tmp_path / "mask.tif").read_bytes() == maps.masks["scene0.tif"]
    assert (tmp_path / "p.tif").read_bytes() == (tmp_path / "q.tif").read_bytes()
    assert (tmp_path / "p.png").read_bytes() == (tmp_path / "q.png").read_bytes()
    summary = json.loads(done.stdout)
    assert summary["windows_run"] > summary["windows"]  # grid rows above a range are computed once more
    assert hidden(tmp_path) == []


def test_scenes_and_masks_in_a_bucket(cluster_with_s3, maps, monkeypatch):
    from seaice_cli.storage import Storage

    cluster, variables = cluster_with_s3
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    storage = Storage("s3://bucket/in")
    for path in maps.scenes:
        storage.put(path.name, path)
    env = environment(**variables)
    done = predict(cluster, maps, ["s3://bucket/in/"], "s3://bucket/day/", env=env)
    assert done.returncode == 0, done.stderr
    large = predict(cluster, maps, ["s3://bucket/in/scene0.tif"], "s3://bucket/large/mask.tif", "--json", env=env)
    assert large.returncode == 0, large.stderr
    assert json.loads(large.stdout)["windows_run"] > json.loads(large.stdout)["windows"]
    plain = seaice("predict", "s3://bucket/in/scene0.tif", "-o", "s3://bucket/plain.tif", *maps.options(), folder=maps.folder,
                   env=env)  # fmt: skip
    assert plain.returncode == 0, plain.stderr
    whole = Storage("s3://bucket")
    masks = [whole.get(name) for name in ("day/scene0.tif", "large/mask.tif", "plain.tif")]
    assert masks[0]
    assert masks[0] == masks[1] == masks[2]
    with rasterio.MemoryFile(masks[0]) as file, rasterio.MemoryFile(maps.masks["scene0.tif"]) as other:
        assert (file.open().read() == other.open().read()).all()
    rows = list(csv.DictReader(io.StringIO(whole.get("day/summary.csv").decode())))
    assert [row["mask"] for row in rows] == [f"s3://bucket/day/scene{i}.tif" for i in range(4)]
    assert [name for name in whole.names() if "/." in name or name.startswith(".")] == []
    again = predict(cluster, maps, ["s3://bucket/in/scene0.tif"], "s3://bucket/plain.tif", env=env)
    assert again.returncode == 1
    assert "s3://bucket/plain.tif: exists already; add --overwrite" in again.stderr


def test_an_object_that_has_changed_is_another_scene(s3, maps, monkeypatch):
    from seaice_cli.raster.reading.sources import identify
    from seaice_cli.storage import Storage

    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    storage = Storage("s3://bucket")
    storage.put("changing.tif", maps.scenes[0])
    before = identify(["/vsis3/bucket/changing.tif"])
    storage.put("changing.tif", maps.scenes[1])
    assert identify(["/vsis3/bucket/changing.tif"]) != before


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("elsewhere", "is neither the address of a scheduler"),
        ("local:none", "needs a number of processes"),
        (f"tcp://127.0.0.1:{free_port()}", "there is no scheduler"),
        ("missing.yaml", "cannot be read as YAML"),
    ],
)
def test_what_is_no_cluster_is_one_line(maps, tmp_path, where, told, monkeypatch):
    from seaice_cli.cluster import connection
    from seaice_cli.errors import SeaIceError

    monkeypatch.setattr(connection, "PATIENCE", 1)
    with pytest.raises(SeaIceError) as error, connection.connect(where):
        pass
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_worker_of_another_version_is_refused(cluster, maps, tmp_path):
    other = maps.folder / "sitecustomize.py"
    other.write_text("import seaice_cli\nseaice_cli.__version__ = '9.9'\n")
    try:
        env = environment(PYTHONPATH=f"{maps.folder}:{environment()['PYTHONPATH']}")
        done = predict(cluster, maps, maps.scenes[:1], tmp_path / "mask.tif", env=env)
    finally:
        other.unlink()
    assert done.returncode == 1
    assert "the client 9.9; install the same on all" in done.stderr
    assert not (tmp_path / "mask.tif").exists()


def test_a_second_client_at_one_target_is_refused(cluster, maps, tmp_path):
    from seaice_cli.prediction.parts.run_folder import RunFolder

    target = tmp_path / "day" / "scene1.tif"
    target.parent.mkdir()
    with RunFolder(target, {}):
        done = predict(cluster, maps, maps.scenes, tmp_path / "day")
    assert done.returncode == 1
    assert f"Error: {target}: another run is writing it" in done.stderr
    assert (tmp_path / "day" / "scene2.tif").read_bytes() == maps.masks["scene2.tif"]


def test_a_model_directory_is_found_by_workers_that_stand_elsewhere(cluster, maps, tmp_path):
    relative = ("--model", maps.model.relative_to(maps.folder), "--precision", "float32")
    done = seaice("predict", *maps.scenes[:2], "-o", tmp_path / "day", *relative, "--cluster", cluster.address, "-q",
                  folder=maps.folder)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with rasterio.open(tmp_path / "day" / "scene0.tif") as mask, rasterio.MemoryFile(maps.masks["scene0.tif"]) as other:
        assert (mask.read() == other.open().read()).all()


def test_workers_without_this_package_are_one_line(tmp_path):
    from seaice_cli.cluster import connection
    from seaice_cli.errors import ClusterError

    (tmp_path / "hiding.py").write_text(
        "import sys\n"
        "class Hiding:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith('seaice_cli'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Hiding())\n"
    )
    bare = Cluster(tmp_path, workers=1, preload=tmp_path / "hiding.py")
    try:
        with pytest.raises(ClusterError) as error, connection.connect(bare.address):
            pass
    finally:
        bare.close()
    text = str(error.value)
    assert text.startswith(f"{bare.address}: its workers cannot load seaice (ModuleNotFoundError")
    assert "\n" not in text


class Future:
    """What Dask gives back of a task that has ended so."""

    def __init__(self, status, error):
        self.status, self._error = status, error

    def exception(self):
        return self._error

    def result(self):
        raise self._error


def test_an_error_of_a_task_is_not_taken_for_a_lost_scheduler():
    from seaice_cli.cluster.pipeline import _Run, _Scene
    from seaice_cli.errors import ClusterError
    from seaice_cli.prediction.options import PredictOptions
    from seaice_cli.prediction.scenes.pairing import BatchItem

    scene = _Scene(BatchItem("a.tif", Path("m.tif"), PredictOptions()))
    error = OSError(5, "Input/output error", "b.tif")
    outcome = _Run._outcome(None, scene, Future("error", error))
    assert outcome.error == "a.tif: b.tif: Input/output error; make room, or choose another place"
    with pytest.raises(ClusterError, match="the scheduler is gone"):
        _Run._outcome(None, scene, Future("lost", error))


def test_a_batch_system_is_told_what_its_file_says(tmp_path):
    from dask_jobqueue import SLURMCluster

    from seaice_cli.cluster.connection import read_batch_system

    path = tmp_path / "slurm.yaml"
    path.write_text(
        "system: slurm\njobs: 40\nqueue: compute\ncores: 16\nprocesses: 1\nmemory: 32GB\nwalltime: '02:00:00'\n"
    )
    name, jobs, settings = read_batch_system(path)
    assert (name, jobs) == ("SLURMCluster", 40)
    assert settings == {"queue": "compute", "cores": 16, "processes": 1, "memory": "32GB", "walltime": "02:00:00"}
    assert SLURMCluster.job_cls.config_name == "slurm"
