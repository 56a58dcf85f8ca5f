"""Enhanced correlation (Evangelidis and Psarakis 2008): the warp of most agreement, climbed to from a start.

Each step is solved on the reference as the present warp shows it and put before that warp, so that gradients are those
of one warped plane. What the step needs are sums over pixels of products of gradients and powers of place; they come
from one pass over the plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from features.kernels.overlay import gradient_sums, plane_sums
from features.registration.warps import Warp, covered_by, dense, swapped

__all__ = ["AFFINE", "PROJECTIVE", "Motion", "climbed", "score"]

Plane = NDArray[np.float32]
Sums = NDArray[np.float64]

LEAST_GAIN = 1e-4
"""Correlation that a step must bring, or it is the last."""
SHARES = (1.0, 0.5, 0.25)
"""Of a step, tried until one brings anything."""
LEAST_COVERED = 0.25
"""Share of the image that the reference must show."""


@dataclass(frozen=True)
class Motion:
    """What a step may do to a place (r, c), both -1..1 over the longer side: it moves it along each row of `steps`.

    steps: (parameters, 2, 3), of the movement along rows and along columns: sign, power of r, power of c.
    """

    steps: NDArray[np.int64]

    @property
    def degree(self) -> int:
        """Highest power of a place."""
        return int(self.steps[..., 1:].max())


_LINEAR = [[[1, p, q], [0, 0, 0]] for p, q in ((1, 0), (0, 1), (0, 0))]
_LINEAR += [[[0, 0, 0], [1, p, q]] for p, q in ((1, 0), (0, 1), (0, 0))]
AFFINE = Motion(np.array(_LINEAR))
PROJECTIVE = Motion(np.array([*_LINEAR, [[-1, 2, 0], [-1, 1, 1]], [[-1, 1, 1], [-1, 0, 2]]]))


def score(image: Plane, reference: Plane, warp: Warp) -> float:
    """Correlation of `image` with `reference` seen through `warp`; -1 where less than a quarter is covered."""
    return _View(image, reference, warp).correlation


def climbed(image: Plane, reference: Plane, warp: Warp, motion: Motion, iterations: int) -> Warp:
    """The warp of the most agreement that at most so many steps from `warp` lead to; `warp` itself where none does."""
    view = _View(image, reference, warp)
    for _ in range(iterations):
        step = view.step(motion)
        further = None if step is None else _further(image, reference, view, step)
        if further is None:
            break
        gain, view = further.correlation - view.correlation, further
        if gain < LEAST_GAIN:
            break
    return view.warp


def _further(image: Plane, reference: Plane, view: _View, step: Warp) -> _View | None:
    """What agrees more than `view`, a step or a share of it away; None where nothing does.

    Where a fine screen is left, its gradients are underrated, and a whole step goes too far.
    """
    still = np.eye(3)
    for share in SHARES:
        further = _View(image, reference, view.warp @ (still + share * (step - still)))
        if further.correlation > view.correlation:
            return further
    return None


class _View:
    """A reference as an image sees it through a warp."""

    def __init__(self, image: Plane, reference: Plane, warp: Warp) -> None:
        rows, cols = image.shape
        self.warp = warp
        self._image = np.ascontiguousarray(image)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        self._seen = np.asarray(
            cv2.warpPerspective(reference, swapped(warp), (cols, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE),
            np.float32,
        )
        self._covered = covered_by(reference.shape, *dense(warp, rows, cols))
        sums = np.zeros((6, cols), np.float32)
        plane_sums(self._image, self._seen, self._covered, sums)
        count, t, w, tt, ww, tw = sums.sum(axis=1, dtype=np.float64)
        self._means = t / max(count, 1.0), w / max(count, 1.0)
        self._products = tt - t * self._means[0], ww - w * self._means[1], tw - t * self._means[1]
        enough = count >= LEAST_COVERED * image.size
        power = np.sqrt(max(self._products[0], 0) * max(self._products[1], 0)) + 1e-12
        self.correlation = float(self._products[2] / power) if enough else -1.0

    def step(self, motion: Motion) -> Warp | None:
        """What to put before the warp; None where the planes do not say."""
        rows, cols = self._image.shape
        scale = max(rows, cols) / 2
        heights, widths = ((np.arange(n) - (n - 1) / 2) / scale for n in (rows, cols))
        squares = np.zeros((3, 2 * motion.degree + 1, cols), np.float32)
        firsts = np.zeros((6, motion.degree + 1, cols), np.float32)
        gradient_sums(self._image, self._seen, self._covered, heights.astype(np.float32), squares, firsts)
        normal = _normal(_moments(squares, widths), motion)
        own, shown, seen = _projected(_moments(firsts, widths), motion)
        towards_image, towards_seen = shown - self._means[0] * own, seen - self._means[1] * own
        try:
            inverse = np.linalg.inv(normal)
        except np.linalg.LinAlgError:
            return None
        explained = inverse @ towards_seen
        agreeing = self._products[2] - towards_image @ explained
        if agreeing <= 0:
            return None
        gain = (self._products[1] - towards_seen @ explained) / agreeing
        move = inverse @ (gain * towards_image - towards_seen) / scale
        return _as_warp(move, (rows, cols), scale) if np.isfinite(move).all() else None


def _moments(sums: Plane, widths: Sums) -> Sums:
    """(n, powers, powers) of (n, powers, cols): each also times the powers of a column's place, summed up."""
    return np.asarray(sums.astype(np.float64) @ widths[:, None] ** np.arange(sums.shape[1]))


def _normal(moments: Sums, motion: Motion) -> Sums:
    """Of every two parameters the sum of the products of what they change, (parameters, parameters)."""
    rr, rc, cc = moments
    along, across = motion.steps[:, 0], motion.steps[:, 1]
    mixed = _products(rc, along, across)
    return _products(rr, along, along) + mixed + mixed.T + _products(cc, across, across)


def _products(moment: Sums, one: NDArray[np.int64], two: NDArray[np.int64]) -> Sums:
    sign, row_power, col_power = (
        f(one[:, None, k], two[None, :, k]) for k, f in enumerate((np.multiply, np.add, np.add))
    )
    return np.where(sign, sign * moment[row_power, col_power], 0)


def _projected(moments: Sums, motion: Motion) -> list[Sums]:
    """What the parameters change, times 1, image and what is seen of the reference: three of (parameters,)."""
    (sr, pr, qr), (sc, pc, qc) = motion.steps[:, 0].T, motion.steps[:, 1].T
    return [sr * along[pr, qr] + sc * across[pc, qc] for along, across in (moments[0:2], moments[2:4], moments[4:6])]


def _as_warp(move: Sums, shape: tuple[int, int], scale: float) -> Warp:
    """The warp of an image of that shape that moves its places, -1..1 over the longer side, by the parameters."""
    inner = np.eye(3)
    inner[:2] += move[:6].reshape(2, 3)
    if move.size > 6:
        inner[2, :2] = move[6:]
    to_places = np.array([[1, 0, (1 - shape[0]) / 2], [0, 1, (1 - shape[1]) / 2], [0, 0, scale]]) / scale
    return np.asarray(np.linalg.inv(to_places) @ inner @ to_places)
