"""The library's face: light, whole, and speaking of parameters."""

import dataclasses
import resource
import subprocess
import sys
import typing

import numpy as np
import pytest
from affine import Affine

import seaice_cli as seaice
from seaice_cli.api.parameters import PredictParameters, VectorParameters
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.vectorization.options import VectorOptions
from tests.cli.test_startup import HEAVY


def test_importing_the_package_loads_nothing_else():
    code = f"import sys; import seaice_cli; print([m for m in {(*HEAVY, 'click', 'pandas')!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_takes_less_than_30_ms():
    def processor_seconds(code):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    bare, own = ([processor_seconds(code) for _ in range(5)] for code in ("pass", "import seaice_cli"))
    assert min(own) - min(bare) < 0.03


def test_all_names_are_there_and_no_others():
    for name in seaice.__all__:
        assert getattr(seaice, name) is not None, name
    assert set(seaice.__all__) <= set(dir(seaice))
    with pytest.raises(AttributeError, match="no attribute 'predictt'"):
        seaice.predictt  # noqa: B018


@pytest.mark.parametrize(
    ("parameters", "options"), [(PredictParameters, PredictOptions), (VectorParameters, VectorOptions)]
)
def test_parameters_are_the_fields_of_the_options(parameters, options):
    assert {*typing.get_type_hints(parameters)} == {f.name for f in dataclasses.fields(options)} - {"model"}


SQUARE = np.pad(np.ones((4, 4), "uint8"), 2)
POLAR = {"transform": Affine(250, 0, 0, 0, -250, 0), "crs": "EPSG:3413"}


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: seaice.predict("s.tif", overlapp=3),
            r"predict\(\) has no parameter 'overlapp'; did you mean 'overlap'\?",
        ),
        (
            lambda: seaice.vectorize("m.tif", min_areas=3),
            r"vectorize\(\) has no parameter 'min_areas'; did you mean 'min_area'\?",
        ),
        (lambda: seaice.train("d.csv", "run", learningrate=3), r"train\(\) has no parameter 'learningrate'; "),
        (lambda: seaice.load_model().predict("s.tif", zzz=1), "there are model, "),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(call, text):
    with pytest.raises(TypeError, match=text):
        call()


@pytest.mark.parametrize(
    "wrong",
    [
        {"tta": "d5"}, {"format": "jpg"}, {"threshold": 2}, {"rescale": (1, 1)}, {"preview": "p.jpg"}, {"probability": "p.png"},
        {"on_bad_block": "skip"}, {"overlap": 999, "tile": 64}, {"tile": 33}, {"device": "tpu"}, {"bbox": (5, 5, 1, 1)},
        {"nodata": 700}, {"bands": (1, 2, 9)}, {"engine": "openvino", "device": "cuda"},
    ],
    ids=str,
)  # fmt: skip
def test_errors_of_predict_name_parameters(wrong, two_class_model):
    pixels = np.full((3, 40, 40), 200, "uint8")
    with pytest.raises(seaice.SeaIceError) as caught:
        seaice.predict(pixels, model=two_class_model, **wrong)
    assert f"`{next(iter(wrong))}`" in str(caught.value)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"connectivity": 5}, {"attributes": "all"}, {"min_area": -1}, {"fill_holes": -1}, {"simplify": -1}, {"min_pixels": 0},
        {"smooth": True}, {"threshold": 0.5}, {"sigrid3": True, "attributes": "none"}, {"t_srs": "EPSG:99"}, {"classes": []},
    ],
    ids=str,
)  # fmt: skip
def test_errors_of_vectorize_name_parameters(wrong):
    with pytest.raises(seaice.SeaIceError) as caught:
        seaice.vectorize(SQUARE, **POLAR, **wrong)
    assert f"`{next(iter(wrong))}`" in str(caught.value)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "missing"),
    [
        ("seaice.vectorize(np.ones((8, 8), 'uint8'), classes=[1])", "geopandas"),
        ("seaice.predict(np.full((3, 64, 64), 99, 'uint8')).to_xarray()", "rioxarray"),
        ("seaice.predict(xarray.DataArray(np.full((3, 64, 64), 99, 'uint8')))", "rioxarray"),
        ("seaice.train('d.csv', 'run')", "torch"),
        ("seaice.predict(np.full((3, 64, 64), 99, 'uint8'), engine='torch')", "torch"),
    ],
)
def test_without_an_extra_one_line_says_which(call, missing):
    extra = {"torch": "gpu" if "predict" in call else "train"}.get(missing, "notebook")
    code = (
        "import sys, numpy as np, seaice_cli as seaice\n"
        + ("import xarray\n" if "xarray." in call else "")
        + f"sys.modules[{missing!r}] = None\n"
        + f"try:\n    {call}\nexcept seaice.SeaIceError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("InstallationError"), done.stdout + done.stderr
    assert f"needs {missing}" in done.stdout
    assert f"pip install 'seaice[{extra}]'" in done.stdout
    assert len(done.stdout.splitlines()) == 1
