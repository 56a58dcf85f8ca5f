"""Bringing a reference onto its image, and saying how far that can be trusted.

The road is coarse to fine: normalised correlation at quarter resolution over the whole margin, an affine and a
projective step of enhanced correlation (Evangelidis and Psarakis 2008), then a smooth residual field by windowed,
robust Lucas-Kanade steps, limited so that it cannot follow dirt. All of it works on high-passed, locally normalised
luminance, blurred so that the picture is aligned and not the halftone. Where that does not settle, screens too wide for
the blur are taken out of the spectrum, and the correlation is repeated over scales and turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.levels import luminance, to_float
from features.opencv import remap
from features.registration.agreement import correlation
from features.registration.refinement import fine_warp
from features.registration.residual import Residual, residual_field
from features.registration.signature import signature_of
from features.registration.verdict import Overlay, status_of
from features.registration.warps import Warp, at_half, centre_shift, covered_by, dense, from_half, translation

__all__ = ["Quality", "Registration", "register"]

LEAST_SIDE = 32
"""Pixels of the shorter side below which nothing is shifted."""
LEAST_TEXTURE = 0.04
"""`Quality.texture` below which nothing is shifted."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a reference explains its image.

    status: "aligned", "no-shift" (too little texture to align on; the reference is used where it lies) or "mismatch"
    (another scene: the reference must not be used). correlation: of the two signatures after alignment, -1..1.
    residual: median size of the last local correction, px. texture: share of the luminance's variance that is
    picture and not noise, 0..1. shift: length of the whole correction at the centre, px.
    """

    status: str
    correlation: float
    residual: float
    texture: float
    shift: float


@dataclass(frozen=True, slots=True)
class Registration:
    """A reference seen from its image.

    warp: (3, 3) float64, takes homogeneous (row, column, 1) of the image to the reference; the residual field comes on
    top. aligned: like the image, in the reference's channels and type float32 (0..255). covered: (rows, cols) bool,
    False where the reference shows nothing. field: (2, rows, cols) float32, where each pixel was read in the
    reference, as (row, column).
    """

    warp: NDArray[np.float64]
    aligned: NDArray[np.float32]
    covered: NDArray[np.bool_]
    field: NDArray[np.float32]
    quality: Quality


def register(test: NDArray[np.generic], reference: NDArray[np.generic]) -> Registration:
    """Align `reference` (any size) with `test`; both (rows, cols[, 3]) uint8 or uint16.

    Solid backgrounds carry no information: the reference is then taken centre on centre, status "no-shift".
    """
    image, other = to_float(test), to_float(reference)
    if image.ndim != other.ndim:
        image, other = luminance(image), luminance(other)
    signature, own_texture = signature_of(luminance(image))
    other_signature, other_texture = signature_of(luminance(other))
    texture = min(own_texture, other_texture)
    shape, other_shape = image.shape[:2], other.shape[:2]
    centred = translation((np.array(other_shape) - np.array(shape)) / 2.0)
    warp, trusted = centred, False
    if min(*shape, *other_shape) >= LEAST_SIDE and texture >= LEAST_TEXTURE:
        half, trusted = fine_warp(signature, other_signature, at_half(centred), texture)
        warp = from_half(half)
    residual = residual_field(signature, other_signature, at_half(warp)) if trusted else None
    field = _field(warp, residual, shape, halved=0)
    aligned = np.clip(remap(other, *field), 0, 255)
    covered = covered_by(other_shape, *field)
    half_field = _field(at_half(warp), residual, signature.shape, halved=1)
    overlap = covered_by(other_signature.shape, *half_field)
    seen = np.where(overlap, remap(other_signature, *half_field, cubic=False), np.float32(0))
    agreement = correlation(signature, seen, overlap)
    last = 2 * residual.last if residual is not None else 0.0
    laid = Overlay(image, aligned, covered, signature, seen, agreement)
    status = status_of(laid, trusted=trusted, residual=last, texture=texture)
    quality = Quality(status, agreement, last, texture, centre_shift(shape, warp, centred))
    return Registration(warp, aligned, covered, field, quality)


def _field(warp: Warp, residual: Residual | None, shape: tuple[int, ...], *, halved: int) -> NDArray[np.float32]:
    """(2, rows, cols): where each pixel of a plane, halved so often, is read in the reference."""
    field = np.stack(dense(warp, *shape))
    if residual is not None:
        field += residual.at(shape, 2 - halved)
    return field
