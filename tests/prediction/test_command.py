"""The command that repeats a run gives nothing away."""

import shlex

import pytest

from seaice_cli.prediction.command import repeating_command
from seaice_cli.prediction.options import PredictOptions


@pytest.mark.parametrize(
    ("scene", "shown"),
    [
        ("https://me:secret@host/scene.tif?sig=secret", "https://host/scene.tif"),
        ("/vsicurl/https://me:secret@host/scene.tif?sig=secret", "/vsicurl/https://host/scene.tif"),
        ("s3://bucket/scene.tif", "s3://bucket/scene.tif"),
        ("/vsis3/bucket/scene.tif", "/vsis3/bucket/scene.tif"),
        ("folder/scene.tif", "scene.tif"),
    ],
)
def test_an_address_is_shown_without_its_secrets(scene, shown):
    words = shlex.split(repeating_command(scene, PredictOptions(), {}))
    assert words[:3] == ["seaice", "predict", shown]
