"""What the command line offers is what the library has."""

from seaice_cli.cli.shared import choices
from seaice_cli.network import catalog, engines
from seaice_cli.network.engines import tta
from seaice_cli.prediction.options import FORMATS, PredictOptions


def test_choices_are_the_librarys_own_tables():
    assert choices.DEFAULT_MODEL == catalog.DEFAULT == PredictOptions().model
    assert choices.ENGINES == engines.ENGINES
    assert choices.PRECISIONS == engines.PRECISIONS
    assert choices.AUGMENTATIONS == tta.AUGMENTATIONS
    assert choices.FORMATS == FORMATS
