"""What the full search looks at: the evidence of its images, computed once for each scale and kept on disk."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from features import EVIDENCE, FeatureStack, Planes, Scene, extract_scene, with_halo
from pixelgbm import datasets, files
from pixelgbm.config import RunConfig
from pixelgbm.mapping import prepare_pair
from pixelgbm.model import Look
from pixelgbm.records import Dataset, Truth
from pixelgbm.sampling import DEFECT, generator
from pixelgbm.threads import ordered_map
from pixelgbm.training.pixels import fit_look
from pixelgbm.training.plan import Plan, Progress, View
from pixelgbm.training.views import Shown

__all__ = ["WINDOW", "Album", "Shot", "Shots"]

_Number = TypeVar("_Number", bound=np.generic)

WINDOW = 512
"""Rows and columns of a larger image that are looked at: a window around one of its defects, drawn by the seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One view with all its evidence; large arrays lie on disk.

    stack: the planes of every column of every family. scene: what the columns of a later look read, no more. truth:
    head -> (rows, cols) uint8. ignore: (rows, cols) bool.
    """

    view: View
    stack: FeatureStack
    scene: Scene
    truth: Truth
    ignore: NDArray[np.bool_] | None

    def shown(self, look: Look) -> Shown:
        """What the looks see, `look` being the first."""
        place = {name: k for k, name in enumerate(self.stack.names)}
        chosen = [place[name] for name in look.spec.columns]
        first = replace(
            self.stack,
            planes=np.ascontiguousarray(self.stack.planes[chosen]),
            names=look.spec.columns,
            scales=tuple(self.stack.scales[k] for k in chosen),
        )
        # Copies are writable: the kernels are compiled for such arrays once, and not again for read-only ones.
        planes = {name: np.array(plane) for name, plane in self.scene.planes.items()}
        return Shown(replace(self.scene, planes=Planes(planes)), first, self.truth, self.ignore, known=self.stack)


@dataclass(frozen=True, slots=True, eq=False)
class Shots:
    """All views of a plan at one scale. look: every column of every family, its byte scales fitted on them."""

    look: Look
    shots: tuple[Shot, ...]

    def show(self, view: View, look: Look) -> Shown:
        """A view to a first look."""
        return next(shot for shot in self.shots if shot.view == view).shown(look)


class Album(AbstractContextManager["Album"]):
    """Shots by scale, taken when first asked for; its files are nameless and vanish when it is closed or killed."""

    def __init__(
        self,
        dataset: Dataset,
        plan: Plan,
        config: RunConfig,
        *,
        folder: Path,
        workers: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._dataset, self._plan, self._config = dataset, plan, config
        self._folder, self._workers, self._progress = folder, workers, progress
        self._taken: dict[float, Shots] = {}
        self._files = ExitStack()

    def at(self, scale: float) -> Shots:
        """The shots at one scale. Raises OutputError when the disk is full."""
        if scale not in self._taken:
            spec = replace(self._config.features, families=EVIDENCE, scale=scale, lean=False)
            config = replace(self._config, features=spec, profile="fast")
            look = fit_look(self._dataset, self._plan, config, workers=self._workers, progress=self._progress)
            with files.output_errors(self._folder):
                # Closed by `__exit__`, with all the others.
                file = self._files.enter_context(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
            self._taken[scale] = Shots(look, tuple(self._take(look, file, scale)))
        return self._taken[scale]

    def _take(self, look: Look, file: IO[bytes], scale: float) -> list[Shot]:
        needed = _Needed()
        shots = []
        results = ordered_map(
            lambda view: _shot(self._dataset, view, look, self._config.seed, needed),
            self._plan.views,
            workers=self._workers,
        )
        for done, shot in enumerate(results, 1):
            with files.output_errors(self._folder):
                shots.append(_on_disk(shot, file))
            if self._progress is not None:
                self._progress(done, len(self._plan.views), f"evidence at scale {scale:g}")
        return shots

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken.clear()
        self._files.close()


class _Needed:
    """Which planes of a scene the columns of a later look read, found by leaving all others out.

    The list is not written here, so a further column of the context family needs no change.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[bool, bool], frozenset[str]] = {}

    def of(self, scene: Scene, stack: FeatureStack, look: Look) -> Scene:
        kind = (scene.covered is None, scene.colour)
        if kind not in self._names:
            self._names[kind] = self._find(scene, stack, look)
        return replace(scene, planes=Planes({name: scene.planes[name] for name in sorted(self._names[kind])}))

    @staticmethod
    def _find(scene: Scene, stack: FeatureStack, look: Look) -> frozenset[str]:
        spec = look.spec.with_context()
        quantizer = look.quantizer.for_spec(spec)
        prior = np.zeros(scene.planes["light"].shape, np.uint8)
        names = {"light"}
        while True:
            part = replace(scene, planes=Planes({name: scene.planes[name] for name in names}))
            try:
                extract_scene(part, spec, quantizer, prior=prior, known=stack)
            except KeyError as missing:
                if missing.args[0] not in scene.planes:
                    raise
                names.add(missing.args[0])
            else:
                return frozenset(names)


def _shot(dataset: Dataset, view: View, look: Look, seed: int, needed: _Needed) -> Shot:
    pair = datasets.read_pair(dataset, view.sample)
    truth = datasets.read_truth(dataset, view.sample, pair.test.shape[:2])
    scene = prepare_pair(look, pair, references="drop" if view.hide_reference else "use")
    rows, cols = (int(edge) for edge in pair.test.shape[:2])
    window = _window(list(truth.values()), pair.ignore, generator(seed, "window", view.sample.id))
    top, left, bottom, right = window
    ignore = pair.ignore
    if window == (0, 0, rows, cols):
        stack = extract_scene(scene, look.spec, look.quantizer)
    else:
        outer = with_halo(window, look.spec, (rows, cols))
        inner = (top - outer[0], left - outer[1], bottom - outer[0], right - outer[1])
        wide = extract_scene(scene.crop(*outer), look.spec, look.quantizer, tiles=[inner])
        core = wide.planes[:, inner[0] : inner[2], inner[1] : inner[3]]
        stack = replace(wide, planes=np.ascontiguousarray(core))
        scene = scene.crop(*window)
        truth = {head: np.ascontiguousarray(plane[top:bottom, left:right]) for head, plane in truth.items()}
        ignore = None if ignore is None else np.ascontiguousarray(ignore[top:bottom, left:right])
    return Shot(view, stack, needed.of(scene, stack, look), truth, ignore)


def _window(
    truth: list[NDArray[np.uint8]], ignore: NDArray[np.bool_] | None, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """(top, left, bottom, right), half-open, of at most `WINDOW` px a side, over a defect where there is one."""
    shape = truth[0].shape
    defect = np.any([plane >= DEFECT for plane in truth], axis=0)
    if ignore is not None:
        defect &= ~ignore
    places = np.flatnonzero(defect)
    at = np.unravel_index(int(rng.choice(places)) if places.size else int(rng.integers(defect.size)), shape)
    edges = []
    for middle, length in zip(at, shape, strict=True):
        start = int(np.clip(int(middle) - int(rng.integers(WINDOW // 4, 3 * WINDOW // 4)), 0, max(length - WINDOW, 0)))
        edges.append((start, min(start + WINDOW, length)))
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]


def _on_disk(shot: Shot, file: IO[bytes]) -> Shot:
    """The same shot with its planes at the end of `file`."""
    planes = {name: _kept(plane, file) for name, plane in shot.scene.planes.items()}
    stack = replace(shot.stack, planes=_kept(shot.stack.planes, file))
    return replace(shot, stack=stack, scene=replace(shot.scene, planes=Planes(planes)))


def _kept(array: NDArray[_Number], file: IO[bytes]) -> NDArray[_Number]:
    # Written and then mapped read-only: a full disk is an error here, where a mapping to write to would be a crash.
    start = file.seek(0, 2)
    file.write(np.ascontiguousarray(array).data)
    file.flush()
    return np.memmap(file, dtype=array.dtype, mode="r", offset=start, shape=array.shape)
