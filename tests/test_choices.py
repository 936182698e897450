"""What can be chosen is what there is."""

from typing import get_args

from seaice_cli import choices
from seaice_cli.network import engines
from seaice_cli.network.engines import tta
from seaice_cli.prediction.options import PredictOptions
from seaice_cli.raster.reading.bad_blocks import FAIL, NODATA_THERE


def test_choices_are_what_the_library_implements():
    assert choices.ENGINES == ("auto", *engines.ENGINE_KINDS) == get_args(choices.EngineName)
    assert [tta.variants(name) for name in choices.AUGMENTATIONS] == [1, 2, 8]
    assert choices.ON_BAD_BLOCK == (FAIL, NODATA_THERE)


def test_shells_complete_what_there_is():
    from seaice_cli.network.architectures import ARCHITECTURES
    from seaice_cli.training.losses.parsing import LOSSES

    assert tuple(sorted(ARCHITECTURES)) == choices.ARCHITECTURES
    assert tuple(sorted(LOSSES)) == choices.LOSSES


def test_defaults_are_choices():
    options = PredictOptions()
    assert options.model == choices.DEFAULT_MODEL
    assert options.engine in choices.ENGINES
    assert options.precision in choices.PRECISIONS
    assert options.tta in choices.AUGMENTATIONS
    assert options.format in choices.FORMATS
