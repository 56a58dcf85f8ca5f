"""From a pair to the probability map of each head, look after look: the only loop over the looks of a model."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from features import FeatureStack, Scene, empty_stack, extract_scene, prepare
from pixelgbm.forest import EarlyExit, Trees, predict_pixels, predict_planes
from pixelgbm.model import Look
from pixelgbm.records import Pair
from pixelgbm.stages import stage

__all__ = [
    "SURVIVOR_MARGIN",
    "Chain",
    "HeadMap",
    "References",
    "byte_map",
    "first_stack",
    "later_stack",
    "map_head",
    "map_heads",
    "map_looks",
    "prepare_pair",
    "survivors",
]

References = Literal["use", "drop"]
"""`"drop"` hides every reference, to see what an answer is worth without them."""

SURVIVOR_MARGIN = 2
"""Pixels around a survivor that survive with it: the rim of a defect is often less sure than its core."""


class Boosted(Protocol):
    """A head of a model, or what training has grown of one so far."""

    @property
    def boosters(self) -> tuple[Trees, ...]:
        """One per look, from the first on."""

    @property
    def survivor_cut(self) -> float | None:
        """See `model.Head`."""

    @property
    def early_exit(self) -> EarlyExit | None:
        """See `model.Head`."""


AnyHead = TypeVar("AnyHead", bound=Boosted)


@dataclass(frozen=True, slots=True)
class Chain:
    """The boosters of one head, one per look, as training has grown them so far."""

    boosters: tuple[Trees, ...]
    survivor_cut: float | None = None
    early_exit: EarlyExit | None = None


@dataclass(frozen=True, slots=True)
class HeadMap:
    """What the looks say of one head.

    levels: (rows, cols) uint8, 255 x probability, of the last look; what every decision and every later look is made
    on. probability: the same, (rows, cols) float32. stack: the planes of the last look. first: levels of the first.
    known: planes of a later look, those of another head may be taken from it; None where none was computed.
    """

    stack: FeatureStack
    probability: NDArray[np.float32]
    levels: NDArray[np.uint8]
    first: NDArray[np.uint8]
    known: FeatureStack | None = None


@stage("prepare")
def prepare_pair(look: Look, pair: Pair, *, references: References = "use") -> Scene:
    """Register the pair and match its light, once for all looks (they treat blue alike)."""
    return prepare(pair.test, pair.reference if references == "use" else None, blue=look.spec.blue)


@stage("first look: columns")
def first_stack(look: Look, scene: Scene) -> FeatureStack:
    """The byte planes of the first look, which all heads share."""
    return extract_scene(scene, look.spec, look.quantizer)


@stage("later looks: columns")
def later_stack(
    look: Look, scene: Scene, before: HeadMap, *, judged: NDArray[np.bool_], known: FeatureStack | None = None
) -> FeatureStack:
    """The byte planes of a later look of one head, whose context is the map of the look before.

    judged: (rows, cols) bool, the pixels that it judges; without any, no plane is computed. known: planes that are
    there already and need not be computed again; those of the look before when None.
    """
    if not judged.any():
        return empty_stack(scene, look.spec, look.quantizer)
    known = before.stack if known is None else known
    return extract_scene(scene, look.spec, look.quantizer, prior=before.levels, known=known)


def map_head(
    looks: Sequence[Look],
    head: Boosted,
    scene: Scene,
    ignore: NDArray[np.bool_] | None,
    *,
    first: FeatureStack,
    known: FeatureStack | None = None,
) -> HeadMap:
    """Go through the looks that `head` has boosters for; what the last of `map_looks` says."""
    return deque(map_looks(looks, head, scene, ignore, first=first, known=known), maxlen=1).pop()


def map_heads(
    looks: Sequence[Look],
    heads: Iterable[AnyHead],
    scene: Scene,
    ignore: NDArray[np.bool_] | None,
    *,
    first: FeatureStack,
) -> Iterator[tuple[AnyHead, HeadMap]]:
    """`map_head` of one head after another; what later looks have in common is computed once."""
    known: FeatureStack | None = None
    for head in heads:
        mapped = map_head(looks, head, scene, ignore, first=first, known=known)
        known = mapped.known
        yield head, mapped


def map_looks(
    looks: Sequence[Look],
    head: Boosted,
    scene: Scene,
    ignore: NDArray[np.bool_] | None,
    *,
    first: FeatureStack,
    known: FeatureStack | None = None,
) -> Iterator[HeadMap]:
    """What each look that `head` has a booster for says, from the first on.

    ignore: (rows, cols) bool, where the probability is 0. first: the planes of the first look. known: more planes of
    the scene, where they are there already. Later looks judge the survivors of the first look only; elsewhere their
    probability is 0.
    """
    with stage("first look: trees"):
        probability = predict_planes(head.boosters[0], first.planes, early=head.early_exit)
    if ignore is not None:
        probability[ignore] = 0
    levels = byte_map(probability)
    found = HeadMap(first, probability, levels, levels)
    yield found
    if len(head.boosters) == 1:
        return
    judged = survivors(levels, head.survivor_cut, ignore)
    again = np.flatnonzero(judged)
    for look, booster in zip(looks[1:], head.boosters[1:], strict=False):
        stack = later_stack(look, scene, found, judged=judged, known=known)
        probability = np.zeros_like(probability)
        with stage("later looks: trees"):
            probability.ravel()[again] = predict_pixels(booster, stack.planes, again)
        found = HeadMap(stack, probability, byte_map(probability), levels, known=stack if again.size else known)
        yield found


def survivors(levels: NDArray[np.uint8], cut: float | None, ignore: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Pixels that are looked at again: those of probability >= cut, and `SURVIVOR_MARGIN` px around them.

    levels: (rows, cols) uint8 of the first look. cut: probability; None lets every pixel survive.
    """
    if cut is None:
        kept = np.ones(levels.shape, dtype=np.bool_)
    else:
        window = np.ones((2 * SURVIVOR_MARGIN + 1,) * 2, dtype=np.uint8)
        kept = cv2.dilate((levels >= max(1, round(cut * 255))).view(np.uint8), window).view(np.bool_)
    if ignore is not None:
        kept &= ~ignore
    return kept


def byte_map(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """255 x probability, rounded: what out-of-fold maps keep, and so what every decision is made on."""
    levels: NDArray[np.uint8] = np.rint(probability * np.float32(255)).astype(np.uint8)
    return levels
