"""From a pair to the probability map of each head, look after look: the only loop over the looks of a model."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from features import FeatureStack, Scene, begin_pixels, extract_scene, prepare, write_columns
from pixelgbm.forest import EarlyExit, Trees, predict_pixels, predict_planes
from pixelgbm.model import Look
from pixelgbm.records import Pair
from pixelgbm.region_kernels import RING_REACH
from pixelgbm.stages import stage

__all__ = [
    "REGION_MARGIN",
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

REGION_MARGIN = RING_REACH + 1
"""Pixels around a survivor whose planes are read: a candidate region may grow by one, and has a ring."""


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
    on. probability: the same, (rows, cols) float32. stack: the planes of the last look; of a later one those of the
    pixels that it judges and of `REGION_MARGIN` around them. first: levels of the first.
    """

    stack: FeatureStack
    probability: NDArray[np.float32]
    levels: NDArray[np.uint8]
    first: NDArray[np.uint8]


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
    look: Look, scene: Scene, before: HeadMap, *, pixels: NDArray[np.intp], known: FeatureStack | None = None
) -> FeatureStack:
    """Some pixels of the byte planes of a later look of one head, whose context is the map of the look before.

    pixels: (n,) flat indices, ascending; without any, no plane is computed. known: planes that are there already and
    need not be computed again; those of the look before when None.
    """
    known = before.stack if known is None else known
    stack, lacking = begin_pixels(scene, look.spec, look.quantizer, pixels, known=known)
    write_columns(stack, scene, look.spec, look.quantizer, lacking, prior=before.levels)
    return stack


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
    return _last(map_looks(looks, head, scene, ignore, first=first, known=known))


def map_heads(
    looks: Sequence[Look], heads: Sequence[AnyHead], scene: Scene, ignore: NDArray[np.bool_] | None
) -> Iterator[tuple[AnyHead, HeadMap]]:
    """`map_head` of one head after another; what they have in common is computed once.

    Later looks of all heads share one stack, whose context each writes over that of the one before: look at the stack
    of a head before the next is asked for.
    """
    first = first_stack(looks[0], scene)
    found = [_first_map(head, first, ignore) for head in heads]
    if len(looks) > 1:
        judged = [
            survivors(mapped.levels, head.survivor_cut, ignore) for head, mapped in zip(heads, found, strict=True)
        ]
        pixels = _read_around(np.logical_or.reduce(judged))
        shared, lacking = begin_pixels(scene, looks[1].spec, looks[1].quantizer, pixels, known=first)
        found = [replace(mapped, stack=shared) for mapped in found]
        del first  # an eighth of all that is held here, and all it knows is copied
        _write_columns(looks[1], scene, shared, [k for k in lacking if not looks[1].spec.table[k].prior])
    for head in heads:
        yield head, _last(_with_later(looks, head, scene, ignore, found.pop(0)))


def _last(maps: Iterable[HeadMap]) -> HeadMap:
    return deque(maps, maxlen=1).pop()


def map_looks(
    looks: Sequence[Look],
    head: Boosted,
    scene: Scene,
    ignore: NDArray[np.bool_] | None,
    *,
    first: FeatureStack,
    known: FeatureStack | None = None,
    lasting: bool = False,
) -> Iterator[HeadMap]:
    """What each look that `head` has a booster for says, from the first on.

    ignore: (rows, cols) bool, where the probability is 0. first: the planes of the first look. known: more planes of
    the scene, where they are there already. Later looks judge the survivors of the first look only; elsewhere their
    probability is 0. lasting: have the stacks of all pixels (if any survives), and of every look by itself; otherwise a
    third look writes its context over that of the second.
    """
    found = _first_map(head, first, ignore)
    return _with_later(looks, head, scene, ignore, found, known=known, lasting=lasting)


def _first_map(head: Boosted, first: FeatureStack, ignore: NDArray[np.bool_] | None) -> HeadMap:
    with stage("first look: trees"):
        probability = predict_planes(head.boosters[0], first.planes, early=head.early_exit)
    if ignore is not None:
        probability[ignore] = 0
    levels = byte_map(probability)
    return HeadMap(first, probability, levels, levels)


def _with_later(
    looks: Sequence[Look],
    head: Boosted,
    scene: Scene,
    ignore: NDArray[np.bool_] | None,
    found: HeadMap,
    *,
    known: FeatureStack | None = None,
    lasting: bool = False,
) -> Iterator[HeadMap]:
    """`found`, what the first look says, and what the later ones say."""
    yield found
    if len(head.boosters) == 1:
        return
    judged = survivors(found.levels, head.survivor_cut, ignore)
    again = np.flatnonzero(judged)
    pixels = np.arange(judged.size) if lasting and again.size else _read_around(judged)
    for look, booster in zip(looks[1:], head.boosters[1:], strict=False):
        stack = found.stack
        if lasting or (stack.names, stack.scales) != (look.spec.columns, look.quantizer.scales):
            stack = later_stack(look, scene, found, pixels=pixels, known=known)
        elif again.size:
            context = [k for k, column in enumerate(look.spec.table) if column.prior]
            _write_columns(look, scene, stack, context, prior=found.levels)
        probability = np.zeros_like(found.probability)
        with stage("later looks: trees"):
            probability.ravel()[again] = predict_pixels(booster, stack.planes, stack.at(again))
        found = HeadMap(stack, probability, byte_map(probability), found.first)
        yield found


@stage("later looks: columns")
def _write_columns(
    look: Look, scene: Scene, stack: FeatureStack, columns: Sequence[int], *, prior: NDArray[np.uint8] | None = None
) -> None:
    write_columns(stack, scene, look.spec, look.quantizer, columns, prior=prior)


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


def _read_around(judged: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Flat indices, ascending, of the pixels whose planes are read where some are judged."""
    window = np.ones((2 * REGION_MARGIN + 1,) * 2, dtype=np.uint8)
    return np.flatnonzero(cv2.dilate(judged.view(np.uint8), window))


def byte_map(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """255 x probability, rounded: what out-of-fold maps keep, and so what every decision is made on."""
    levels: NDArray[np.uint8] = np.rint(probability * np.float32(255)).astype(np.uint8)
    return levels
