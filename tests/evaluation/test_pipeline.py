import dataclasses
import math

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from seaice_cli.errors import DataError, OptionError
from seaice_cli.evaluation import pipeline
from seaice_cli.evaluation.criteria import Criteria, Pair, hidden_classes
from seaice_cli.evaluation.pipeline import evaluate


@pytest.fixture
def make_pairs(write_scene):
    """Return a function that makes scenes of which a given share is wrong."""

    def make(*wrong, groups=None, size=24):
        rng = np.random.default_rng(5)
        pairs = []
        for i, share in enumerate(wrong):
            truth = (rng.random((1, size, size)) < 0.5).astype(np.uint8)
            said = np.where(rng.random(truth.shape) < share, 1 - truth, truth).astype(np.uint8)
            pairs.append(
                Pair(
                    predicted=write_scene(said, f"said{i}.tif"), reference=write_scene(truth, f"truth{i}.tif"), name=f"scene{i}",
                    group=groups[i] if groups else "", source="even" if i % 2 == 0 else "odd",
                )
            )  # fmt: skip
        return pairs

    return make


def test_scenes_are_counted_first_and_scored_then(make_pairs, write_scene):
    pairs = make_pairs(0.1, 0.4, 0.0)
    found = evaluate(pairs, resamples=0)
    truth, said = (
        np.concatenate([_pixels(getattr(p, name)) for p in pairs]).ravel() for name in ("reference", "predicted")
    )
    assert found.scores["miou"] == pytest.approx(jaccard_score(truth, said, average="macro"))
    assert [s.scores["oa"] for s in found.scenes] == pytest.approx(
        [(_pixels(p.reference) == _pixels(p.predicted)).mean() for p in pairs]
    )
    assert found.scenes[2].scores["miou"] == 1


def _pixels(path):
    import rasterio

    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_the_interval_is_that_of_resampled_scenes(make_pairs):
    pairs = make_pairs(0.02, 0.05, 0.1, 0.2, 0.3)
    found = evaluate(pairs, resamples=1000)
    low, high = found.intervals["oa"]
    assert low < found.scores["oa"] < high
    oa = np.array([s.scores["oa"] for s in found.scenes])
    drawn = oa[np.random.default_rng(9).integers(0, 5, (20_000, 5))].mean(axis=1)
    assert (low, high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.02)
    assert evaluate(pairs, resamples=1000).intervals["oa"] == (low, high)
    assert evaluate(pairs, resamples=1000, seed=1).intervals["oa"] != (low, high)


def test_siblings_are_drawn_together(make_pairs):
    shares = (0.0, 0.0, 0.0, 0.4, 0.4, 0.4)
    alone = evaluate(make_pairs(*shares), resamples=200).intervals["oa"]
    together = evaluate(make_pairs(*shares, groups=list("aaabbb")), resamples=200).intervals["oa"]
    assert together[1] - together[0] > alone[1] - alone[0]


def test_one_scene_or_one_group_has_no_interval(make_pairs):
    assert evaluate(make_pairs(0.1)).intervals == {}
    assert evaluate(make_pairs(0.1, 0.2, groups=["a", "a"])).intervals == {}
    assert evaluate(make_pairs(0.1, 0.2), resamples=0).intervals == {}


def test_a_score_that_is_never_defined_has_no_interval(make_pairs):
    low, high = evaluate(make_pairs(0.1, 0.2), resamples=20).intervals["ece"]
    assert math.isnan(low)
    assert math.isnan(high)


def test_parts_are_pooled_by_themselves(make_pairs):
    pairs = make_pairs(0.1, 0.4, 0.2)
    found = evaluate(pairs, by=lambda pair: pair.source, resamples=0)
    assert list(found.parts) == ["even", "odd"]
    assert found.parts["odd"] == pytest.approx(dict(found.scenes[1].scores), nan_ok=True)
    assert found.parts["even"] == pytest.approx(dict(evaluate([pairs[0], pairs[2]], resamples=0).scores), nan_ok=True)


def test_the_worst_come_first_whether_a_score_is_better_high_or_low(make_pairs):
    found = evaluate(make_pairs(0.1, 0.4, 0.0, 0.3), resamples=0)
    assert [s.pair.name for s in found.worst(2)] == ["scene1", "scene3"]
    assert [s.pair.name for s in found.worst(9, "iiee_km2")] == ["scene1", "scene3", "scene0", "scene2"]
    assert len(found.worst(9, "ece")) == 4
    with pytest.raises(OptionError, match="there is no score 'mieou'; there are miou"):
        found.worst(1, "mieou")


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(DataError, match="nothing to evaluate"):
        evaluate([])


def test_scenes_may_be_made_while_it_runs(make_pairs):
    pairs = make_pairs(0.1, 0.2)
    assert evaluate(iter(pairs), resamples=0).scores == pytest.approx(evaluate(pairs, resamples=0).scores, nan_ok=True)


def test_speed_is_pooled_over_timed_scenes(make_pairs):
    first, second, third = make_pairs(0.1, 0.2, 0.3)
    timed = [dataclasses.replace(first, seconds=0.5), dataclasses.replace(second, seconds=1.5), third]
    assert evaluate(timed, resamples=0).scores["mpx_per_second"] == pytest.approx(2 * 24 * 24 / 2 / 1e6)


def test_criteria_that_make_no_sense_are_refused():
    for wrong in ({"classes": ("ice",)}, {"ice": 2}, {"hidden": (1,)}, {"hidden": (5,)}):
        with pytest.raises(ValueError, match="needs two classes"):
            Criteria(**wrong)


def test_clouds_are_known_by_their_names():
    assert hidden_classes(("water", "ice", "Cloud", "thin_cloud")) == (2, 3)
    assert hidden_classes(("pond", "ice", "ocean")) == ()


def test_the_interval_level_is_what_reports_say():
    assert pipeline.LEVEL == 0.95
