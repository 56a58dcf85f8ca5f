"""The broad family: what is larger than some 20 px, of the image alone: contrast and colour in wider windows."""

from __future__ import annotations

from functools import partial

from features.column import Column
from features.families.colour import gap_band
from features.families.contrast import band_of, curvature_of, deviation_of, gradient_of, standard_of
from features.smoothing import reach_of

__all__ = ["columns"]

BANDS = ((16.0, 32.0), (32.0, 64.0))
DEVIATIONS = (16.0, 32.0)
STANDARD = ((4.0, 32.0), (8.0, 64.0))
CURVATURES = (6.0, 12.0)
GRADIENTS = (6.0, 12.0)
GAPS = ((4.0, 16.0), (8.0, 32.0), (16.0, 64.0))
WIDE = 64.0


def columns(blue: str, scale: float) -> tuple[Column, ...]:
    """All columns; `blue` as in the family colour."""
    k = scale
    made: list[Column] = []

    def add(name: str, formula: str, signed: bool, reach: int, make: object, *, colour: bool = False) -> None:
        made.append(Column(f"broad.{name}", formula, signed, reach, make, colour=colour))  # type: ignore[arg-type]

    for fine, wide in BANDS:
        formula = f"G_{fine:g} log T - G_{wide:g} log T"
        add(
            f"band-{fine:g}-{wide:g}",
            formula,
            True,
            reach_of(k * wide),
            partial(band_of, fine=k * fine, broad=k * wide),
        )
    for s in DEVIATIONS:
        reach = reach_of(k * s) + reach_of(k * WIDE)
        make = partial(deviation_of, sigma=k * s, wide=k * WIDE)
        add(f"deviation-{s:g}", f"standard deviation of T, window G_{s:g}", False, reach, make)
    for fine, wide in STANDARD:
        formula = f"(G_{fine:g} T - G_{wide:g} T) / (1 + deviation_{wide:g})"
        reach = reach_of(k * wide) + reach_of(k * WIDE)
        compared = partial(standard_of, fine=k * fine, broad=k * wide, wide=k * WIDE)
        add(f"standard-{fine:g}-{wide:g}", formula, True, reach, compared)
    for s in CURVATURES:
        for which in (0, 1):
            formula = f"{('smaller', 'larger')[which]} eigenvalue of s^2 Hessian G_{s:g} log T"
            curved = partial(curvature_of, sigma=k * s, which=which)
            add(f"curvature-{s:g}-{('low', 'high')[which]}", formula, True, reach_of(k * s) + 1, curved)
    for s in GRADIENTS:
        add(f"gradient-{s:g}", f"|grad G_{s:g} T|", False, reach_of(k * s) + 1, partial(gradient_of, sigma=k * s))
    partner = "matched_light" if blue == "match" else "light"
    pairs = [("red-green", "red", "green")] + ([] if blue == "drop" else [("blue-light", "blue", partner)])
    for name, one, two in pairs:
        for fine, wide in GAPS:
            formula = f"(G_{fine:g} - G_{wide:g})(log {one} - log {two})"
            gap = partial(gap_band, one=f"log_{one}", two=f"log_{two}", fine=k * fine, broad=k * wide)
            add(f"{name}-{fine:g}-{wide:g}", formula, True, reach_of(k * wide), gap, colour=True)
    return tuple(made)
