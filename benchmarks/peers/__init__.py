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
    """One row of the comparison: MODULE.fit(task) and MODULE.predictor(folder), with `options` given to both."""

    name: str
    title: str
    module: str
    needs_reference: bool
    packages: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def lacks(self) -> str | None:
        """The package that is not installed; None when the peer can run."""
        return next((package for package in self.packages if importlib.util.find_spec(package) is None), None)

    def fit(self, task: Task) -> None:
        """Learn, tune, and leave setting.json and whatever it takes to predict in the task's folder."""
        importlib.import_module(self.module).fit(task, **self.options)

    def predictor(self, folder: Path) -> Callable[[View], NDArray[np.bool_]]:
        """From a registered pair to its mask, as fitted in `folder`."""
        found: Callable[[View], NDArray[np.bool_]] = importlib.import_module(self.module).predictor(
            folder, **self.options
        )
        return found


PEERS = (
    Peer("difference", "registered difference", "peers.difference", True),
    Peer("variation", "variation model", "peers.variation", True),
    Peer("contrast", "local contrast", "peers.contrast", False),
    Peer("forest", "trainable segmentation", "peers.forest", False, ("sklearn",), {"paired": False}),
    Peer("forest-pair", "the same + reference", "peers.forest", True, ("sklearn",), {"paired": True}),
    Peer("u-net", "U-Net", "peers.unet", False, ("torch",)),
)
