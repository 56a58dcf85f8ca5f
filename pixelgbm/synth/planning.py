"""Dealing out what is drawn: exact shares, and cards of which each comes equally often."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np

__all__ = ["Deck", "chosen"]

_Card = TypeVar("_Card")


def chosen(rng: np.random.Generator, count: int, share: float) -> list[bool]:
    """`share` of `count` places, to the nearest whole number, chosen at random."""
    return [bool(c) for c in rng.permutation(np.arange(count) < round(count * share))]


class Deck(Generic[_Card]):
    """Cards dealt in random order, shuffled again when all are dealt, so that each comes equally often."""

    def __init__(self, rng: np.random.Generator, cards: tuple[_Card, ...]) -> None:
        self._rng, self._cards = rng, cards
        self._left: list[_Card] = []

    def draw(self) -> _Card:
        """The next card."""
        if not self._left:
            self._left = self._shuffled()
        return self._left.pop()

    def deal(self, count: int) -> tuple[_Card, ...]:
        """`count` different cards, in the order of the whole pack; what is left of the last shuffle goes first."""
        while len(set(self._left)) < count:
            self._left = self._shuffled() + self._left
        taken = list(dict.fromkeys(reversed(self._left)))[:count]
        for card in taken:
            self._left.reverse()
            self._left.remove(card)
            self._left.reverse()
        return tuple(card for card in self._cards if card in taken)

    def _shuffled(self) -> list[_Card]:
        return [self._cards[k] for k in self._rng.permutation(len(self._cards))]
