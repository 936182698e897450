"""Masks in a bucket, made by one machine: with their items, left alone where they are there, and nothing left in the cache."""

import json

import pytest
import rasterio
from click.testing import CliRunner

from seaice_cli.cli.main import cli
from seaice_cli.storage import Storage


def seaice(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture
def scene(s3, tmp_path, monkeypatch, write_scene, noise):
    """A scene that says when it was acquired, and a cache of its own."""
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = write_scene(noise(40, 50))
    with rasterio.open(path, "r+") as file:
        file.update_tags(ACQUIRED="2024-06-01T12:30:00Z")
    return path


@pytest.fixture
def runs(tmp_path):
    """Return a function that lists what runs have left in the cache."""
    return lambda: sorted(p.name for p in (tmp_path / "cache" / "seaice" / "runs").rglob("*"))


def test_an_item_is_put_beside_its_mask(scene, two_class_model, runs):
    command = ("predict", scene, "-o", "s3://bucket/items/mask.tif", "--stac", "--model", two_class_model)
    done = seaice(*command, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["files"] == ["s3://bucket/items/mask.tif", "s3://bucket/items/mask.json"]
    item = json.loads(Storage("s3://bucket/items").get("mask.json"))
    assert item["assets"]["data"]["href"] == "./mask.tif"
    assert runs() == []
    again = seaice(*command)
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "s3://bucket/items/mask.tif: exists already" in again.stderr
    assert seaice(*command, "--overwrite").exit_code == 0
    assert runs() == []


def test_an_item_of_somebody_else_is_not_replaced(scene, two_class_model, runs):
    storage = Storage("s3://bucket/others")
    storage.put("mask.json", b"{}")
    done = seaice("predict", scene, "-o", "s3://bucket/others/mask.tif", "--stac", "--model", two_class_model)
    assert done.exit_code == 1
    assert "s3://bucket/others/mask.json: exists already" in done.stderr
    assert storage.names() == ["mask.json"]
    assert runs() == []


def test_a_run_killed_between_the_item_and_the_mask_is_taken_up(scene, two_class_model, monkeypatch):
    put = Storage.put

    def fail(self, name, *arguments, **named):
        if name == "mask.tif":
            raise KeyboardInterrupt
        put(self, name, *arguments, **named)

    command = ("predict", scene, "-o", "s3://bucket/killed/mask.tif", "--stac", "--model", two_class_model)
    monkeypatch.setattr(Storage, "put", fail)
    assert seaice(*command).exit_code == 130
    monkeypatch.setattr(Storage, "put", put)
    done = seaice(*command, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["windows_run"] == 0
    assert [name for name in Storage("s3://bucket/killed").names() if name.startswith("mask.")] == [
        "mask.json", "mask.tif", "mask.tif.aux.xml",
    ]  # fmt: skip


def test_masks_in_a_bucket_are_left_alone(scene, two_class_model):
    command = ("predict", scene, "-o", "s3://bucket/skip/", "--model", two_class_model, "--skip-existing")
    assert "skipped" not in seaice(*command).stdout
    again = seaice(*command)
    assert again.exit_code == 0, again.output
    assert "scene.tif: skipped, s3://bucket/skip/scene.tif is there" in again.stdout
    on_cluster = seaice(*command, "--cluster", "tcp://127.0.0.1:9")  # where there is none
    assert "scene.tif: skipped" in on_cluster.stdout, on_cluster.output
    assert "exists already" in seaice(*command, "--stac").stderr  # it has no item yet


def test_a_dry_run_and_a_refused_one_leave_nothing_in_the_cache(scene, two_class_model, runs):
    command = ("predict", scene, "-o", "s3://bucket/dry/mask.tif", "--model", two_class_model)
    assert seaice(*command, "--dry-run").exit_code == 0
    assert seaice(*command, "--bands", "1,2").exit_code == 1
    assert runs() == []


def test_a_table_beside_masks_in_a_bucket_is_not_replaced_unasked(scene, two_class_model, tmp_path):
    storage = Storage("s3://bucket/table")
    storage.put("summary.csv", b"mine\n")
    command = ("predict", scene, scene.with_name("other.tif"), "-o", "s3://bucket/table/", "--model", two_class_model)
    done = seaice(*command, "--cluster", "tcp://127.0.0.1:9")
    assert "s3://bucket/table/summary.csv: exists already" in done.stderr
    assert storage.get("summary.csv") == b"mine\n"
    assert seaice(*command, "--summary", "s3://bucket/table/all.csv").exit_code == 1
    assert storage.get("all.csv").decode().count("\n") == 3
