"""Whether a reference, laid on its image, shows the same scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.levels import luminance, median, thinned
from features.registration.agreement import OUTSTANDING, correlation, peak
from features.smoothing import smooth

__all__ = ["Overlay", "status_of"]

Plane = NDArray[np.float32]

UNANSWERED = 0.4
"""Correlation below which it is asked whether the place found is better than its surroundings."""
STRUCTURE = 0.25
"""Coarse structure against fine; a camera's noise, interpolated, reaches 0.21."""
PLAIN = 3.0
"""Structure that plainly stands above all noise, so that two shots of it must agree ..."""
CONTRADICTED = 0.55
"""... by this much; true pairs with it start at 0.68 (extreme light) and 0.81 (others), wrong ones end at 0.41."""
WANDERING = 0.6
"""Last residual step, px, of scenes that only look alike; true pairs stay below 0.4, but for one of 1,090 with 0.52."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A reference laid on its image.

    image, aligned: (rows, cols[, 3]) float32, 0..255. covered: (rows, cols) bool, False where the reference shows
    nothing. signature, seen: float32 at half the resolution, what is compared of each; `seen` is 0 where the reference
    shows nothing. agreement: their correlation.
    """

    image: NDArray[np.float32]
    aligned: NDArray[np.float32]
    covered: NDArray[np.bool_]
    signature: Plane
    seen: Plane
    agreement: float


def status_of(laid: Overlay, *, trusted: bool, residual: float, texture: float) -> str:
    """One of "aligned", "no-shift" or "mismatch", as `Quality.status` has them.

    trusted: whether the warp was found better than laying centre on centre. residual, texture: as in `Quality`.
    """
    if _is_another_scene(laid, residual, texture) or _is_contradicted(laid):
        return "mismatch"
    return "aligned" if trusted else "no-shift"


def _is_another_scene(laid: Overlay, residual: float, texture: float) -> bool:
    """Asks the structure of a reference where there is any, else its colour.

    Two shots of one sheet differ in gain by up to ~25 % and in the balance of their channels by less than 10 %; a
    solid background has no structure to compare, so there the balance decides.
    """
    covered = laid.covered
    if np.count_nonzero(covered) < 0.25 * covered.size:
        return True
    shown = thinned(covered)
    if texture >= 0.3 and _shows_other_structure(laid, residual, shown):
        return True
    if laid.agreement >= 0.5:
        return False
    ratios = (thinned(laid.image)[shown] + 4) / (thinned(laid.aligned)[shown] + 4)
    gains = np.median(np.log(ratios), axis=0)
    other_colour = laid.image.ndim == 3 and float(np.ptp(gains)) > 0.25
    return other_colour or (laid.agreement < 0.2 and float(np.abs(gains).max()) > 0.5)


def _shows_other_structure(laid: Overlay, residual: float, shown: NDArray[np.bool_]) -> bool:
    """Whether a poor agreement stands for two scenes. shown: `covered`, thinned."""
    # Residual steps on another scene keep wandering; on two shots of one sheet they settle below a quarter of a pixel.
    wandering = laid.agreement < 0.75 and residual > WANDERING
    unlike = laid.agreement < 0.2 or (laid.agreement < 0.4 and residual > 0.4)
    if not (wandering or unlike):
        return False
    coarse, coarse_other = (thinned(smooth(luminance(image), 3.0)) for image in (laid.image, laid.aligned))
    # Texture counts as structure only where it is worth more than a grey level or so: a dark, faint picture is all
    # noise after normalisation, and its few strong parts still agree in the picture as it is.
    strong = min(float(p[shown].std()) for p in (coarse, coarse_other)) >= 2.0
    return strong and (wandering or correlation(coarse, coarse_other, shown) < 0.5)


def _is_contradicted(laid: Overlay) -> bool:
    """Whether plain structure disagrees, or faint structure agrees no better here than in the surroundings."""
    if laid.agreement >= CONTRADICTED:
        return False
    structure = max(_structure(luminance(p)) for p in (laid.image, laid.aligned))
    if structure >= PLAIN:
        return True
    # Two shots of one sheet agree best where they lie on each other, however faint what they share.
    faint = structure >= STRUCTURE and laid.agreement < UNANSWERED
    return faint and peak(laid.signature, laid.seen) < OUTSTANDING


def _structure(light: Plane) -> float:
    """Median size of what lies between 3 and 12 px, against what lies below 1 px; 0 where it is below half a level."""
    coarse = thinned(smooth(light, 3.0)) - thinned(smooth(light, 12.0))
    fine = thinned(light) - thinned(smooth(light, 0.8))
    medians = [1.4826 * median(np.abs(p - np.float32(median(p)))) for p in (coarse, fine)]
    return medians[0] / max(medians[1], 0.3) if medians[0] >= 0.5 else 0.0
