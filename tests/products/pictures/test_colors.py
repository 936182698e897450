"""Colours of maps."""

from seaice_cli.products.pictures.colors import class_colors


def test_no_two_classes_look_alike():
    for names in (
        {0: "water", 1: "young ice", 2: "ice"}, {0: "a", 1: "ice", 2: "b", 3: "cloud", 4: "water"}, dict(enumerate("abcdef")),
    ):  # fmt: skip
        colors = class_colors(names, {})
        assert len({colors[value] for value in names}) == len(names)


def test_a_name_has_its_colour_wherever_it_stands():
    assert class_colors({0: "ice", 1: "water"}, {})[1] == class_colors({0: "water", 5: "grey"}, {})[0]
    assert class_colors({0: "ice"}, {0: (1, 2, 3)}, own=True)[0] == (1, 2, 3)
