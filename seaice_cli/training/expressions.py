"""The small language of losses, optimisers and schedules: `name`, `name(option=value,...)`, joined by commas or colons."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from seaice_cli.errors import OptionError

Value: TypeAlias = float | bool | str
T = TypeVar("T")

_TERM = re.compile(r"\s*(?P<name>[a-z][a-z0-9_-]*)\s*(?:\((?P<options>[^()]*)\))?\s*")
_WORDS: Mapping[str, bool] = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a specification and the options in its brackets."""

    name: str
    options: Mapping[str, Value] = field(default_factory=dict)


def parse_term(text: str) -> Term:
    """Return the name and the options of a text such as `focal(gamma=2)`.

    Values are numbers, yes/no, or words. Names are lower case; upper case is taken as such.

    Raises:
        OptionError: The text is no such term.
    """
    match = _TERM.fullmatch(text.lower())
    if match is None:
        raise OptionError(f"{text!r} cannot be read; write a name, or a name with options such as focal(gamma=2)")
    return Term(match["name"], dict(_option(text, part) for part in split(match["options"] or "", ",")))


def parse_chain(text: str) -> list[Term]:
    """Return the terms of a text such as `lookahead(k=6):radam`, joined by colons; there is at least one.

    Raises:
        OptionError: The text is no such chain.
    """
    return [parse_term(part) for part in split(text, ":") or [text]]


def split(text: str, separator: str) -> list[str]:
    """Split at a separator of one character that stands outside of brackets; empty texts have no parts."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts if text.strip() else []


def choose(kind: str, term: Term, known: Mapping[str, T]) -> T:
    """Return what `known` holds under the term's name.

    Raises:
        OptionError: Nothing; the text lists the known names and the nearest one.
    """
    if term.name in known:
        return known[term.name]
    raise OptionError(f"unknown {kind} {term.name!r}{guess(term.name, known)}; known: {', '.join(sorted(known))}")


def guess(name: str, known: Iterable[str]) -> str:
    """Return a text that asks whether the nearest known name was meant; empty if none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def number(term: Term, option: str, default: float, *, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a term's option as a number from `low` to `high`.

    Raises:
        OptionError: It is no number, or out of bounds.
    """
    value = term.options.get(option, default)
    if isinstance(value, (bool, str)) or not low <= value <= high:
        bounds = "" if math.isinf(low) and math.isinf(high) else f" from {low:g} to {high:g}"
        raise OptionError(f"{term.name}: {option} must be a number{bounds}, not {value!r}")
    return float(value)


def flag(term: Term, option: str, *, default: bool) -> bool:
    """Return a term's option as yes or no.

    Raises:
        OptionError: It is neither.
    """
    value = term.options.get(option, default)
    if not isinstance(value, bool):
        raise OptionError(f"{term.name}: {option} must be yes or no, not {value!r}")
    return value


def word(term: Term, option: str, default: str, *, known: tuple[str, ...]) -> str:
    """Return a term's option as one of the `known` words.

    Raises:
        OptionError: It is none of them.
    """
    value = term.options.get(option, default)
    if value not in known:
        raise OptionError(f"{term.name}: {option} must be {' or '.join(known)}, not {value!r}")
    return str(value)


def allow(term: Term, *options: str) -> None:
    """Let only these options of a term pass.

    Raises:
        OptionError: The term has another one.
    """
    for option in term.options:
        if option not in options:
            known = f"its options are {', '.join(options)}" if options else "it has no options"
            raise OptionError(f"{term.name}: unknown option {option!r}{guess(option, options)}; {known}")


def _option(text: str, part: str) -> tuple[str, Value]:
    name, equals, value = (piece.strip() for piece in part.partition("="))
    if not (name and equals and value):
        raise OptionError(f"{text!r}: {part.strip()!r} must read option=value")
    return name, _value(value)


def _value(text: str) -> Value:
    if text in _WORDS:
        return _WORDS[text]
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text
