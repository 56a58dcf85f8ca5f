"""The float planes that every feature family reads, prepared once per image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.levels import luminance, median, thinned, to_float
from features.opencv import highest, lowest
from features.photometry import match_focus, match_light
from features.planes import Planes, Recipe
from features.registration import Quality, register
from features.smoothing import smooth
from features.trust import trust

__all__ = ["MEASURES", "Canvas", "Components", "Scene", "prepare"]

Plane = NDArray[np.float32]

LOG_OFFSET = np.float32(4.0)
"""Added to grey levels before the logarithm, so that the noise of black pixels does not explode."""
BLUE_BLUR = 2.5
"""The camera's own blur of blue, px sigma, given to red and green when colours are compared with `blue="match"`."""

CHANNELS = ("red", "green", "blue")

MEASURES = (
    "reference",
    "correlation",
    "residual",
    "texture",
    "noise",
    "ratio_noise",
    "ratio_tail",
    "joint_tail",
    "edge",
    "level",
)
"""What is measured on the image as a whole; without a reference the comparing ones are 0."""


@dataclass(frozen=True, slots=True)
class Components:
    """Connected components of a map. labels: (rows, cols) int32, 0 = none. told: name -> (labels,) float32 of each."""

    labels: NDArray[np.int32]
    told: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One image and, where it can be used, its reference: aligned, of the same light and focus.

    planes: made when asked for. Always `light` (luminance, 0..255) and `log_light`; of colour images `red`,
    `green`, `blue`; with a reference also `reference_...` of each and their differences `difference` (grey levels) and
    `ratio` (of logarithms), `ratio_red`, ..., and `joint`: the ratios of all channels in use, each weighted by the
    inverse square of its own noise, for blue was smoothed and is often the quietest witness; `joint_test` and
    `joint_reference` are its two sides. With a reference also `trust`, 0..1: how far a difference can be believed.
    covered: (rows, cols) bool, where the reference shows anything. components: of an earlier look's map, by the byte
    that it is cut at; none without such a map.
    """

    planes: Planes
    covered: NDArray[np.bool_] | None
    colour: bool
    quality: Quality | None
    measures: dict[str, float]
    components: dict[int, Components] = field(default_factory=dict)

    def crop(self, top: int, left: int, bottom: int, right: int) -> Scene:
        """The same scene seen through a window, half-open; measures stay those of the whole image."""
        window = (slice(top, bottom), slice(left, right))
        covered = None if self.covered is None else np.ascontiguousarray(self.covered[window])
        components = {
            level: Components(np.ascontiguousarray(found.labels[window]), found.told)
            for level, found in self.components.items()
        }
        return Scene(self.planes.window(*window), covered, self.colour, self.quality, self.measures, components)


class Canvas:
    """A scene with a memory of what was computed on it, so that columns share blurs; `measuring` says how long."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.shape = scene.planes["light"].shape
        self._memory: dict[tuple[object, ...], NDArray[np.float32]] = {}

    def __getitem__(self, name: str) -> Plane:
        return self.scene.planes[name]

    def measure(self, name: str) -> np.float32:
        """One image-level number as float32."""
        return np.float32(self.scene.measures[name])

    def once(self, key: tuple[object, ...], make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """What `make()` gave the first time it was asked for under `key`."""
        if key not in self._memory:
            self._memory[key] = make()
        return self._memory[key]

    def forget(self, keys: Iterable[tuple[object, ...]]) -> None:
        """Let go of what was remembered under `keys`."""
        for key in keys:
            self._memory.pop(key, None)

    def empty(self) -> Plane:
        """A fresh plane of the scene's size, not initialised."""
        return np.empty(self.shape, np.float32)

    def smooth(self, plane: Plane, sigma: float) -> Plane:
        """`features.smoothing.smooth`."""
        return smooth(plane, sigma)

    def highest(self, plane: Plane, radius: int) -> Plane:
        """Maximum of `plane` over the square of 2 radius + 1 px, edges repeated."""
        return highest(plane, radius)

    def lowest(self, plane: Plane, radius: int) -> Plane:
        """Minimum of `plane` over the same square."""
        return lowest(plane, radius)

    def blur(self, name: str, sigma: float) -> Plane:
        """A named plane of the scene, blurred; remembered."""
        return self.once(("blur", name, sigma), lambda: self.smooth(self[name], sigma))


def prepare(test: NDArray[np.generic], reference: NDArray[np.generic] | None, *, blue: str = "match") -> Scene:
    """Register, match light and focus, take logarithms, measure the noise: all that needs the whole image.

    test, reference: (rows, cols[, 3]) uint8 or uint16. blue: as in `FeatureSpec`; "drop" keeps it out of `joint`.
    A reference of another scene is left out; `quality.status` then says "mismatch".
    """
    image = to_float(test)
    colour = image.ndim == 3
    if reference is None:
        return _alone(image, colour, None)
    registration = register(test, reference)
    if registration.quality.status == "mismatch":
        return _alone(image, colour, registration.quality)
    aligned = registration.aligned
    if aligned.ndim != image.ndim:
        image, colour, aligned = luminance(image), False, luminance(aligned)
    covered = registration.covered
    tests = _channels(image)
    matched = [match_light(t, r, covered) for t, r in zip(tests.values(), _channels(aligned).values(), strict=True)]
    references = dict(zip(tests, matched, strict=True))
    reference_light = references["light"] if not colour else _light(references)
    for_test, for_reference = match_focus(tests["light"] if not colour else _light(tests), reference_light)
    recipes = _logs(colour, "") | _focused(colour, for_test) | _logs(colour, "reference_") | _differences(colour)
    known = tests | {f"reference_{name}": _blurred(plane, for_reference) for name, plane in references.items()}
    whole = (registration.field, (int(reference.shape[0]), int(reference.shape[1])))
    recipes["trust"] = lambda planes: trust(planes["focused_light"], planes["reference_light"], *whole)
    planes = Planes(known, recipes)
    planes |= _joint(planes, covered, colour, blue)
    return Scene(planes, covered, colour, registration.quality, _measures(planes, covered, registration.quality))


def _channels(image: NDArray[np.float32]) -> dict[str, Plane]:
    if image.ndim == 2:
        return {"light": np.ascontiguousarray(image)}
    return {name: np.ascontiguousarray(image[..., k]) for k, name in enumerate(CHANNELS)}


def _light(channels: Mapping[str, Plane], prefix: str = "") -> Plane:
    return np.float32(0.35) * channels[f"{prefix}red"] + np.float32(0.65) * channels[f"{prefix}green"]


def _blurred(plane: Plane, sigma: float) -> Plane:
    return smooth(plane, sigma) if sigma > 0 else plane


def _logs(colour: bool, prefix: str) -> dict[str, Recipe]:
    """The logarithms of the channels under `prefix`; of colour also the luminance, blurred as blue, too."""
    recipes: dict[str, Recipe] = {}
    if colour:
        recipes[f"{prefix}light"] = lambda planes: _light(planes, prefix)
        recipes[f"{prefix}matched_light"] = lambda planes: smooth(planes[f"{prefix}light"], BLUE_BLUR)
    for name in ("light", *((*CHANNELS, "matched_light") if colour else ())):
        recipes[f"{prefix}log_{name}"] = _log_of(prefix + name)
    return recipes


def _log_of(name: str) -> Recipe:
    def recipe(planes: Planes) -> Plane:
        out = planes[name] + LOG_OFFSET
        return np.asarray(np.log(out, out=out))

    return recipe


def _focused(colour: bool, sigma: float) -> dict[str, Recipe]:
    """The test as it is compared, blurred by sigma px; its own columns (contrast, Gabor, colour) read it as shot."""

    def taken(name: str) -> Recipe:
        return lambda planes: _blurred(planes[name], sigma)

    shot = CHANNELS if colour else ("light",)
    if sigma > 0:
        return _logs(colour, "focused_") | {f"focused_{name}": taken(name) for name in shot}
    return {f"focused_{name}": taken(name) for name in (*shot, *_logs(colour, ""))}


def _differences(colour: bool) -> dict[str, Recipe]:
    def ratio(name: str) -> Recipe:
        return lambda planes: planes[f"focused_log_{name}"] - planes[f"reference_log_{name}"]

    recipes: dict[str, Recipe] = {"ratio": ratio("light")}
    recipes["difference"] = lambda planes: planes["focused_light"] - planes["reference_light"]
    return recipes | {f"ratio_{name}": ratio(name) for name in ((*CHANNELS, "matched_light") if colour else ())}


def _alone(image: NDArray[np.float32], colour: bool, quality: Quality | None) -> Scene:
    planes = Planes(_channels(image), _logs(colour, ""))
    return Scene(planes, None, colour, quality, _measures(planes, None, None))


def _joint(planes: Planes, covered: NDArray[np.bool_], colour: bool, blue: str) -> dict[str, Plane]:
    """`joint_test`, `joint_reference`: logarithms of the channels, each weighted by 1 / noise^2 of its ratio."""
    channels = ["light"] if not colour else ["red", "green"] if blue == "drop" else list(CHANNELS)
    seen = thinned(covered)
    ratios = [planes["ratio" if c == "light" else f"ratio_{c}"] for c in channels]
    noise = [1.4826 * median(np.abs(thinned(smooth(r, 2.0))[seen])) + 0.002 for r in ratios]
    weights = np.array(noise) ** -2.0
    weights /= weights.sum()
    sums = {name: np.zeros_like(planes["ratio"]) for name in ("joint_test", "joint_reference")}
    for channel, weight in zip(channels, weights, strict=True):
        sums["joint_test"] += np.float32(weight) * planes[f"focused_log_{channel}"]
        sums["joint_reference"] += np.float32(weight) * planes[f"reference_log_{channel}"]
    return sums | {"joint": sums["joint_test"] - sums["joint_reference"]}


def _measures(planes: Planes, covered: NDArray[np.bool_] | None, quality: Quality | None) -> dict[str, float]:
    """Image-level numbers, all finite; noise is 1.4826 x the median absolute difference plus a floor.

    Taken from a grid of pixels, which tells as much.
    """
    light = planes["light"]
    row_step = np.abs(np.diff(light[::2, ::2], axis=0)).mean() if light.shape[0] > 2 else 0.0
    values = dict.fromkeys(MEASURES, 0.0) | {"edge": float(row_step), "level": float(light.mean())}
    if covered is None or quality is None:
        return values | {"noise": 1.0, "ratio_noise": 0.01}
    seen = thinned(covered)
    difference, ratio = (np.abs(thinned(planes[name])[seen]) for name in ("difference", "ratio"))
    blurred_ratio = np.abs(thinned(smooth(planes["ratio"], 2.0))[seen])
    joint = np.abs(thinned(smooth(planes["joint"], 2.4))[seen])
    return values | {
        "reference": 1.0,
        "correlation": quality.correlation,
        "residual": quality.residual,
        "texture": quality.texture,
        "noise": 1.4826 * median(difference) + 0.3,
        "ratio_noise": 1.4826 * median(ratio) + 0.002,
        "ratio_tail": float(np.quantile(blurred_ratio, 0.995)),
        "joint_tail": float(np.quantile(joint, 0.995)) + 0.002,
    }
