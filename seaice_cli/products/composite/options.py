"""What can be chosen about a composite."""

from __future__ import annotations

from dataclasses import dataclass, field

from seaice_cli.choices import RULES
from seaice_cli.errors import OptionError
from seaice_cli.products.meanings import Meanings

LATEST, MAJORITY, PROBABILITY = RULES
"""Of the scenes that saw a pixel clear: the latest; the class of most, and of them the latest; the mean probability of ice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeOptions:
    """How masks are put together.

    Raises:
        OptionError: Values do not fit.
    """

    rule: str | None = None
    """One of `RULES`; None: by probability where it is given, else the latest."""
    max_age: float | None = None
    """Hours before the latest scene; older ones are left out."""
    threshold: float = 0.5
    """A pixel is ice if its mean probability is at least this."""
    meanings: Meanings = field(default_factory=Meanings)
    band: int | None = None

    def __post_init__(self) -> None:
        if self.rule not in (None, *RULES):
            raise OptionError(f"`rule` {self.rule} is none of {', '.join(RULES)}")
        if self.max_age is not None and not self.max_age >= 0:
            raise OptionError(f"`max_age` {self.max_age:g} must be hours from 0 on")
        if not 0 < self.threshold < 1:
            raise OptionError(f"`threshold` {self.threshold:g} must lie between 0 and 1")
