from dataclasses import dataclass

import numpy as np

from seaice_cli.evaluation.metrics.accumulators import Accumulator, flatten, rebuild


@dataclass(frozen=True, eq=False)
class Inner(Accumulator):
    a: np.ndarray
    b: float = 0.0


@dataclass(frozen=True, eq=False)
class Outer(Accumulator):
    many: tuple[Inner, ...]
    n: float


def made(k):
    return Outer((Inner(np.full((2, 3), k), k), Inner(np.arange(2.0) * k)), 10 * k)


def test_numbers_come_back_where_they_were():
    back = rebuild(made(1), flatten(made(3)))
    assert back.many[0].a.tolist() == made(3).many[0].a.tolist()
    assert back.many[1].a.tolist() == [0, 3]
    assert (back.many[0].b, back.many[1].b, back.n) == (3, 0, 30)
    assert isinstance(back.n, float)


def test_adding_adds_every_number():
    both = made(1) + made(2)
    np.testing.assert_array_equal(flatten(both), flatten(made(3)))
