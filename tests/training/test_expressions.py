"""The small language of losses, optimisers and schedules."""

import pytest

from seaice_cli.errors import OptionError
from seaice_cli.training import expressions


def test_options_are_numbers_yes_or_no_and_words():
    term = expressions.parse_term(" Poly( power=0.9, floor=1e-4 ,by=Epoch, smooth=no ) ")
    assert term == expressions.Term("poly", {"power": 0.9, "floor": 1e-4, "by": "epoch", "smooth": False})


def test_a_name_alone_has_no_options():
    assert expressions.parse_term("ce") == expressions.Term("ce")


@pytest.mark.parametrize("text", ["", "focal(", "focal)", "(gamma=2)", "focal(gamma=2)x", "2ce", "a(b(c))"])
def test_what_is_no_term_is_an_option_error(text):
    with pytest.raises(OptionError, match="cannot be read"):
        expressions.parse_term(text)


@pytest.mark.parametrize("text", ["focal(gamma)", "focal(gamma=)", "focal(=2)", "focal(,)"])
def test_an_option_without_a_value_is_an_option_error(text):
    with pytest.raises(OptionError, match="option=value"):
        expressions.parse_term(text)


def test_splitting_leaves_brackets_whole():
    assert expressions.split("ce:1,tversky(alpha=.3,beta=.7):2", ",") == ["ce:1", "tversky(alpha=.3,beta=.7):2"]
    assert expressions.split("  ", ",") == []


def test_an_unknown_name_lists_the_known_and_the_nearest():
    with pytest.raises(OptionError, match=r"unknown loss 'focl' \(did you mean 'focal'\?\); known: ce, focal"):
        expressions.choose("loss", expressions.Term("focl"), {"focal": 1, "ce": 2})


def test_an_unknown_option_lists_the_known():
    with pytest.raises(OptionError, match=r"unknown option 'gama' \(did you mean 'gamma'\?\); its options are gamma"):
        expressions.allow(expressions.Term("focal", {"gama": 2.0}), "gamma")


@pytest.mark.parametrize("value", ["nan", "inf", "word", "yes", "-1", "11"])
def test_a_number_must_be_finite_and_within_its_bounds(value):
    with pytest.raises(OptionError, match="must be a number from 0 to 10"):
        expressions.number(expressions.parse_term(f"focal(gamma={value})"), "gamma", 2, low=0, high=10)


def test_a_flag_must_be_yes_or_no_and_a_word_one_of_those_known():
    with pytest.raises(OptionError, match="must be yes or no"):
        expressions.flag(expressions.parse_term("sgd(nesterov=2)"), "nesterov", default=True)
    with pytest.raises(OptionError, match="must be step or epoch"):
        expressions.word(expressions.parse_term("poly(by=day)"), "by", "step", known=("step", "epoch"))
