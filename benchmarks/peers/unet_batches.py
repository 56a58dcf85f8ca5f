"""Training crops of registered pairs, turned, mirrored, lit otherwise and made noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peers.pairs import Item

__all__ = ["Crops", "load", "planes_of"]

Floats = NDArray[np.float32]

CROP = 256
WITHOUT_REFERENCE = 0.05
"""Share of the crops whose reference is hidden, so that a missing one does not confuse."""


def planes_of(test: Floats, reference: Floats, covered: NDArray[np.bool_]) -> Floats:
    """The (10, rows, cols) input of the network from one registered pair, grey levels 0..255."""
    ratio = np.log((test + 4) / (reference + 4))
    planes = [(test - 128) / 64, (reference - 128) / 64, np.clip(5 * ratio, -4, 4), covered[..., None]]
    return np.ascontiguousarray(np.concatenate(planes, axis=2, dtype=np.float32).transpose(2, 0, 1))


@dataclass(frozen=True, slots=True)
class Crops:
    """Whole pairs in memory as bytes.

    images: (rows, cols, 6). flags: (rows, cols, heads + 2), the truth of every head, counted, covered. dirty: of every
    head that has any, its number and the images with its defects.
    """

    images: list[NDArray[np.uint8]]
    flags: list[NDArray[np.bool_]]
    dirty: list[tuple[int, list[int]]]

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Inputs (size, 10, CROP, CROP), truth (size, heads, CROP, CROP), weight (size, 1, CROP, CROP)."""
        crops = [self._crop(rng, centred=bool(self.dirty) and k % 2 == 0) for k in range(size)]
        inputs, truth, weight = (np.stack(parts) for parts in zip(*crops, strict=True))
        return inputs, truth, weight

    def _crop(self, rng: np.random.Generator, *, centred: bool) -> tuple[Floats, Floats, Floats]:
        head, number = self._dirty(rng) if centred else (0, int(rng.integers(len(self.images))))
        image, flags = self.images[number], self.flags[number]
        room = [n - CROP for n in image.shape[:2]]
        at = [int(rng.integers(n + 1)) for n in room]
        if centred:
            pixels = np.argwhere(flags[..., head] & flags[..., -2])
            away = rng.integers(-CROP // 3, CROP // 3 + 1, 2)
            middle = pixels[rng.integers(len(pixels))] - CROP // 2 + away
            at = [int(np.clip(m, 0, n)) for m, n in zip(middle, room, strict=True)]
        window = (slice(at[0], at[0] + CROP), slice(at[1], at[1] + CROP))
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        image, flags = np.rot90(image[window], turns), np.rot90(flags[window], turns)
        if mirrored:
            image, flags = image[:, ::-1], flags[:, ::-1]
        test, reference, covered = _relit(rng, image[..., :3], image[..., 3:], flags[..., -1])
        truth, weight = (
            np.ascontiguousarray(part.transpose(2, 0, 1), np.float32) for part in (flags[..., :-2], flags[..., -2:-1])
        )
        return planes_of(test, reference, covered), truth, weight

    def _dirty(self, rng: np.random.Generator) -> tuple[int, int]:
        """A head, all alike, and one of the images with its defects."""
        head, numbers = self.dirty[int(rng.integers(len(self.dirty))) if len(self.dirty) > 1 else 0]
        return head, int(rng.choice(numbers))


def _relit(
    rng: np.random.Generator, test: NDArray[np.uint8], reference: NDArray[np.uint8], covered: NDArray[np.bool_]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Another lamp for both, a little another one for the test, and more noise for half of the crops."""
    lamp = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.04, 3))
    shots = []
    for image, gain in ((test, lamp * np.exp(rng.normal(0, 0.015, 3))), (reference, lamp)):
        shot = image * gain.astype(np.float32)
        if rng.random() < 0.5:
            shot = shot + np.float32(rng.uniform(0, 3)) * rng.standard_normal(shot.shape, np.float32)
        shots.append(np.clip(shot, 0, 255))
    if rng.random() < WITHOUT_REFERENCE:
        return shots[0], shots[0], np.zeros_like(covered)
    return shots[0], np.where(covered[..., None], shots[1], shots[0]), covered


def load(items: Sequence[Item]) -> Crops:
    """All pairs of `items` with their truth; images smaller than a crop are mirrored at their edges, uncounted."""
    images, flags = [], []
    for item in items:
        view = item.view()
        image = np.rint(np.concatenate([view.test, view.reference], axis=2)).astype(np.uint8)
        flag = np.dstack([item.truth(), ~item.ignore(), view.covered])
        lack = [max(CROP - n, 0) for n in image.shape[:2]]
        around = [(n // 2, n - n // 2) for n in lack]
        images.append(np.pad(image, [*around, (0, 0)], mode="symmetric"))
        flags.append(np.pad(flag, [*around, (0, 0)]))
    heads = len(items[0].heads)
    dirty = [(h, [k for k, flag in enumerate(flags) if (flag[..., h] & flag[..., -2]).any()]) for h in range(heads)]
    return Crops(images, flags, [(head, numbers) for head, numbers in dirty if numbers])
