"""What a generated scene is like: the recipe a caller gives, and the look that its seed draws from a regime of the ice."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seaice_cli.synthetic.noise import uniform

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Regime:
    """Between which values the seed draws; reflectances are those of the red band, lengths are pixels of 250 m."""

    cover: Range
    """Mean share of the sea that is ice of any kind."""
    spread: Range
    """By how much the share varies over hundreds of kilometres (standard deviation)."""
    pack: Range
    """How far the floes have frozen together: 0 loose, 1 one sheet."""
    albedo: Range
    """Reflectance of snow-covered floes."""
    brash: Range
    """Reflectance of the broken ice between floes."""
    thin: Range
    """Share of the openings that thin grey ice covers."""
    leads: Range
    """Mean width of leads in pixels; negative: most are closed."""
    fast: Range
    """Share of the scene that is smooth landfast ice."""
    tint: Range
    """Blue minus red of bright ice in reflectance: melting ice is bluer."""


REGIMES = {
    "winter": Regime(
        cover=(0.96, 1.05), spread=(0.02, 0.1), pack=(0.6, 1.0), albedo=(0.6, 0.88), brash=(0.3, 0.6),
        thin=(0.4, 0.9), leads=(-0.5, 2.5), fast=(-0.1, 0.1), tint=(0.015, 0.080),
    ),
    "spring": Regime(
        cover=(0.85, 1.0), spread=(0.05, 0.15), pack=(0.0, 0.5), albedo=(0.6, 0.9), brash=(0.2, 0.5),
        thin=(0.3, 0.8), leads=(-1.0, 2.0), fast=(-0.2, 0.1), tint=(0.005, 0.060),
    ),
    "summer": Regime(
        cover=(0.5, 0.9), spread=(0.1, 0.25), pack=(0.0, 0.2), albedo=(0.4, 0.62), brash=(0.15, 0.35),
        thin=(0.0, 0.3), leads=(-2.0, 0.5), fast=(-0.3, 0.05), tint=(0.035, 0.070),
    ),
    "edge": Regime(
        cover=(0.3, 0.65), spread=(0.3, 0.5), pack=(0.0, 0.4), albedo=(0.42, 0.85), brash=(0.15, 0.45),
        thin=(0.0, 0.5), leads=(-2.0, 1.0), fast=(-0.3, 0.0), tint=(0.015, 0.070),
    ),
    "open": Regime(
        cover=(-0.4, 0.2), spread=(0.1, 0.35), pack=(0.0, 0.1), albedo=(0.42, 0.8), brash=(0.1, 0.4),
        thin=(0.0, 0.4), leads=(-4.0, -2.0), fast=(-0.3, 0.0), tint=(0.015, 0.070),
    ),
    "freezing": Regime(
        cover=(0.6, 0.95), spread=(0.1, 0.3), pack=(0.1, 0.7), albedo=(0.5, 0.8), brash=(0.12, 0.3),
        thin=(0.7, 1.0), leads=(-1.0, 1.5), fast=(-0.2, 0.05), tint=(0.015, 0.070),
    ),
    "landfast": Regime(
        cover=(0.85, 1.0), spread=(0.05, 0.2), pack=(0.2, 0.9), albedo=(0.55, 0.88), brash=(0.2, 0.5),
        thin=(0.4, 1.0), leads=(-1.0, 2.0), fast=(0.3, 0.6), tint=(0.015, 0.070),
    ),
}  # fmt: skip
"""From the continuous pack of winter to the last floes in open water; a recipe without a regime draws one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecipe:
    """Everything that determines a generated scene; equal recipes give equal scenes."""

    height: int
    width: int
    seed: int = 0
    regime: str | None = None
    """A name in `REGIMES`; None: drawn from the seed."""
    clouds: float | None = None
    """Share of the scene under clouds that hide the surface, about, 0 to 1; None: drawn from the seed."""
    collar: bool = True
    """Whether the corners outside of the swath are without data."""

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a scene of {self.height} x {self.width} pixels has no pixel")
        if self.regime is not None and self.regime not in REGIMES:
            raise ValueError(f"regime {self.regime!r} is none of {', '.join(REGIMES)}")
        if self.clouds is not None and not 0 <= self.clouds <= 1:
            raise ValueError(f"clouds must be between 0 and 1, not {self.clouds}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the seed has drawn for the whole scene; the fields of `Regime` as numbers, and the rest."""

    seed: int
    cover: float
    spread: float
    pack: float
    albedo: float
    brash: float
    thin: float
    leads: float
    fast: float
    tint: float
    green: float
    """Green minus red of bright ice, as a share of blue minus red."""
    region: float
    """Wavelength in pixels of the variation of the ice cover."""
    opening: float
    """Wavelength in pixels of openings between floes."""
    biggest: int
    """Index of the level of the biggest floes in `floes.LEVELS`."""
    sharpness: float
    """Standard deviation in pixels of the point spread."""
    noise: float
    """Standard deviation of the noise in counts."""
    gain: float
    """Brightness of the scene: the sun's elevation, as far as the processing has not corrected it."""
    water: tuple[float, float, float]
    """Reflectance of open water, red, green, blue."""
    sun: float
    """Direction of the shadows in radians, from the row axis towards the column axis."""
    shadow: float
    """Length in pixels of the shadows that clouds cast."""
    wind: float
    """Direction of cloud streets and streaks in radians."""
    clouds: float
    """Share of the scene under clouds."""
    cloud_albedo: float
    """Red reflectance of thick cloud."""
    cloud_tint: float
    """Blue minus red reflectance of cloud."""
    haze: float
    """Largest opacity of haze, which is never counted as cloud."""
    light: float
    """By how much the brightness varies over the scene (standard deviation), as view and sun angles do."""
    stripes: float
    """Amplitude in counts of the stripes between detectors."""
    collar: tuple[float, float]
    """Direction in radians of the swath, and how far it reaches, from the centre in half scene sizes; infinite: all."""

    def seeded(self, use: int) -> int:
        """Return the seed of one of the scene's independent fields."""
        return self.seed * 1_000_003 + use * 101


def look(recipe: SceneRecipe) -> Look:
    """Draw the look of a scene from its recipe."""
    seed = recipe.seed

    def draw(use: int, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(uniform(seed, use, 77))

    names = list(REGIMES)
    name = recipe.regime or names[int(draw(0) * len(names))]
    regime = REGIMES[name]
    from_regime = {field: draw(1 + k, *getattr(regime, field)) for k, field in enumerate(Regime.__dataclass_fields__)}
    clear = draw(20) < 0.2
    red = draw(28, 0.02, 0.05)
    green = red + draw(29, 0.011, 0.023)
    return Look(
        seed=seed,
        **from_regime,
        green=draw(39, -0.2, 0.85),
        region=draw(22, 300, 1200),
        opening=draw(23, 25, 120),
        biggest=int(draw(24) * 4),
        sharpness=draw(25, 0.3, 0.75),
        noise=draw(26, 0.5, 2.4),
        gain=draw(27, 0.88, 1.06),
        water=(red, green, green + draw(21, 0.012, 0.04)),
        sun=draw(30, -math.pi, math.pi),
        shadow=draw(31, 2, 16),
        wind=draw(32, -math.pi, math.pi),
        clouds=(0.0 if clear else draw(33) ** 1.5 * 0.75) if recipe.clouds is None else recipe.clouds,
        cloud_albedo=draw(34, 0.34, 0.85),
        cloud_tint=draw(40, -0.02, 0.075),
        haze=max(0.0, draw(35, -0.15, 0.3)),
        light=draw(41, 0.0, 0.04),
        stripes=draw(36, 0, 1.2),
        collar=(draw(37, -0.35, 0.35), draw(38, 0.98, 1.12) if recipe.collar else math.inf),
    )
