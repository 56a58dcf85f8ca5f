"""The methods that a user would otherwise pick, each fitted and applied in the same way."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.pairs import View
from peers.task import Task

__all__ = ["PEERS", "Peer"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One row of the comparison: MODULE.fit(task) and MODULE.mapper(folder), with `options` given to both.

    learns: one fitting serves all heads and metrics: MODULE.SMOOTHING are the blurs to try for a rule. Otherwise the
    map itself is chosen for a head and a metric.
    """

    name: str
    title: str
    module: str
    needs_reference: bool
    learns: bool = False
    packages: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def lacks(self) -> str | None:
        """The package that is not installed; None when the peer can run."""
        return next((package for package in self.packages if importlib.util.find_spec(package) is None), None)

    def fit(self, task: Task) -> None:
        """Learn, and leave what it takes to map in the task's folder, and rules or the maps to search them on."""
        importlib.import_module(self.module).fit(task, **self.options)

    @property
    def smoothing(self) -> tuple[float, ...]:
        """Blurs to choose from with a rule, px."""
        found: tuple[float, ...] = importlib.import_module(self.module).SMOOTHING
        return found

    def mapper(self, folder: Path) -> Callable[[View], NDArray[np.uint8]]:
        """From a registered pair to its maps (rows, cols, heads), as fitted in `folder`."""
        found: Callable[[View], NDArray[np.uint8]] = importlib.import_module(self.module).mapper(folder, **self.options)
        return found


PEERS = (
    Peer("difference", "registered difference", "peers.difference", True),
    Peer("variation", "variation model", "peers.variation", True),
    Peer("contrast", "local contrast", "peers.contrast", False),
    Peer("forest", "trainable segmentation", "peers.forest", False, True, ("sklearn",), {"paired": False}),
    Peer("forest-pair", "the same + reference", "peers.forest", True, True, ("sklearn",), {"paired": True}),
    Peer("u-net", "U-Net", "peers.unet", False, True, ("torch",)),
)
