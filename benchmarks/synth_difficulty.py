"""How far methods without learning get on `pixelgbm synth`: the all-clean answer and two tuned differences.

    python benchmarks/synth_difficulty.py [--train 150 --test 150 --seed 0 --workers 2]

Both differences are given a fair chance: ECC registration, a photometric match (one gain, or a local one),
three blurs, three units (grey levels, relative to brightness, in median absolute deviations), sixteen
thresholds and five smallest areas, the best combination being chosen on the train split, once for all
levels and once for each level. Writes synth_difficulty.json and synth_difficulty.md beside itself.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pixelgbm import images, synth
from pixelgbm.threads import ordered_map

METHODS = {"registered": 0.50, "tolerant": 0.62}  # and the macro-F1 that neither may exceed
GAINS = ("one gain", "local gain")
BLURS = (1.0, 1.7, 2.6)
UNITS = {"levels": (1.5, 45.0), "relative": (0.015, 0.7), "deviations": (2.5, 70.0)}
STEPS = 16
AREAS = (1, 8, 20, 40, 80)
FLOODED = 0.2  # of the image: a mask beyond this needs no search for regions

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Setting = tuple[str, str, float, str]
Summary = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One pair on disk and the level it belongs to."""

    level: int
    image: Path
    reference: Path
    mask: Path


def cases(root: Path, split: str) -> list[Case]:
    """The pairs of `split` whose reference is right, in the order of their numbers."""
    with (root / "truth" / "pairs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["wrong_reference"] == "0"]
    found = []
    for row in rows:
        folder = f"{split}/level-{row['level']}"
        truth = root / "truth" / folder if split == "test" else root / folder
        image, reference = (root / folder / f"{row['id']}{end}.tif" for end in ("", "_ref"))
        found.append(Case(int(row["level"]), image, reference, truth / f"{row['id']}_mask.tif"))
    return found


def registered(image: Floats, reference: Floats) -> Floats:
    """The reference on the image's grid: ECC with shift and turn, the plain centre where that fails."""
    flat = [_flattened(plane[..., :2].mean(axis=2)) for plane in (image, reference)]
    offset = [(reference.shape[k] - image.shape[k]) / 2 for k in (0, 1)]
    start = np.array([[1, 0, offset[1]], [0, 1, offset[0]]], np.float32)
    warp = start
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
    try:
        correlation, found = cv2.findTransformECC(
            flat[0], flat[1], start.copy(), cv2.MOTION_EUCLIDEAN, criteria, None, 3
        )
        if correlation > 0.2 and np.abs(found - start)[:, 2].max() < 8:
            warp = np.asarray(found, np.float32)
    except cv2.error:  # a solid sheet: nothing to align on
        pass
    size = (image.shape[1], image.shape[0])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(reference, warp, size, flags=flags, borderMode=cv2.BORDER_REFLECT), np.float32)


def evidence(image: Floats, reference: Floats) -> dict[Setting, Floats]:
    """For every setting a (rows, cols) map that is larger where the image differs more."""
    reference = registered(image, reference)
    maps: dict[Setting, Floats] = {}
    for gain, sigma in product(GAINS, BLURS):
        test, clean = _blurred(image, sigma), _blurred(reference, sigma)
        if gain == "local gain":
            clean = clean * (_blurred(image, 18.0) + 2) / (_blurred(reference, 18.0) + 2)
        else:
            one = np.median(image, axis=(0, 1)) / np.maximum(np.median(reference, axis=(0, 1)), 1)
            clean = clean * one.astype(np.float32)
        window = np.ones((5, 5), np.uint8)
        above, below = test - cv2.dilate(clean, window), cv2.erode(clean, window) - test
        found = {
            "registered": np.abs(test - clean).mean(axis=2),
            "tolerant": np.maximum(np.maximum(above, below), 0).mean(axis=2),
        }
        brightness = _blurred(image, 18.0).mean(axis=2) + 6
        deviation = float(np.median(found["registered"])) + 0.15
        for method, plane in found.items():
            maps[method, gain, sigma, "levels"] = plane
            maps[method, gain, sigma, "relative"] = plane / brightness
            maps[method, gain, sigma, "deviations"] = plane / np.float32(deviation)
    return maps


def thresholds(method: str, unit: str) -> NDArray[np.float64]:
    """The grid of a unit; what is left outside the envelope is smaller than the plain difference."""
    low, high = UNITS[unit]
    return np.geomspace(low, high, STEPS) * (0.35 if method == "tolerant" else 1.0)


def grid_scores(evidence_map: Floats, levels: NDArray[np.float64], truth: Bools) -> NDArray[np.float64]:
    """F1 (thresholds, areas) of one map against the truth."""
    scores = np.empty((len(levels), len(AREAS)))
    for row, level in enumerate(levels):
        mask = evidence_map > level
        if mask.mean() > FLOODED:
            scores[row] = _f1(np.count_nonzero(mask & truth), np.count_nonzero(mask), np.count_nonzero(truth))
            continue
        count, labels, table, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        hits = np.bincount(labels[truth], minlength=count)
        for col, least in enumerate(AREAS):
            kept = table[1:, cv2.CC_STAT_AREA] >= least
            found = int(table[1:, cv2.CC_STAT_AREA][kept].sum())
            scores[row, col] = _f1(int(hits[1:][kept].sum()), found, np.count_nonzero(truth))
    return scores


def score_case(case: Case) -> tuple[int, bool, dict[Setting, NDArray[np.float64]]]:
    """(level, dirty, F1 over thresholds and areas per setting) of one pair."""
    image, reference = (images.read_image(path)[0].astype(np.float32) for path in (case.image, case.reference))
    truth = images.read_gray(case.mask) > 0
    maps = evidence(image, reference)
    scores = {key: grid_scores(plane, thresholds(key[0], key[3]), truth) for key, plane in maps.items()}
    return case.level, bool(truth.any()), scores


def measure(root: Path, *, workers: int) -> dict[str, Summary]:
    """Tune on train, score on test."""
    tables = {split: list(ordered_map(score_case, cases(root, split), workers=workers)) for split in ("train", "test")}
    level_of = {split: np.array([row[0] for row in table]) for split, table in tables.items()}
    dirty = np.array([row[1] for row in tables["test"]])
    result: dict[str, Summary] = {"all clean": _summary(1.0 - dirty, level_of["test"], dirty)}
    for method in METHODS:
        keys = [key for key in tables["train"][0][2] if key[0] == method]
        train, test = (
            np.array([[row[2][key] for key in keys] for row in tables[split]]) for split in ("train", "test")
        )
        best = np.unravel_index(train.mean(axis=0).argmax(), train.shape[1:])
        entry = _summary(test[(slice(None), *best)], level_of["test"], dirty)
        entry["setting"] = _describe(keys, best)
        entry["train"] = round(float(train.mean(axis=0).max()), 4)
        result[f"{method} difference"] = entry
        own = np.empty(len(test))
        for level in np.unique(level_of["test"]):
            mean = train[level_of["train"] == level].mean(axis=0)
            best = np.unravel_index(mean.argmax(), mean.shape)
            own[level_of["test"] == level] = test[(level_of["test"] == level, *best)]
        result[f"{method} difference, tuned per level"] = _summary(own, level_of["test"], dirty)
    return result


def _summary(scores: NDArray[np.float64], levels: NDArray[np.int_], dirty: Bools) -> Summary:
    return {
        "macro_f1": round(float(scores.mean()), 4),
        "standard_error": round(float(scores.std() / np.sqrt(len(scores))), 4),
        "per_level": [round(float(scores[levels == level].mean()), 4) for level in np.unique(levels)],
        "on_dirty": round(float(scores[dirty].mean()), 4),
        "false_alarms_on_clean": round(float((scores[~dirty] < 1).mean()), 4),
    }


def _describe(keys: list[Setting], best: tuple[np.intp, ...]) -> str:
    method, gain, sigma, unit = keys[best[0]]
    return f"{gain}, blur {sigma}, {unit} > {thresholds(method, unit)[best[1]]:.3g}, area >= {AREAS[best[2]]}"


def _f1(hits: int | np.integer[Any], found: int | np.integer[Any], wanted: int | np.integer[Any]) -> float:
    if hits == 0:
        return 1.0 if found == 0 and wanted == 0 else 0.0
    return float(2 * hits / (found + wanted))


def _blurred(plane: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _flattened(plane: Floats) -> Floats:
    """Fine structure alone, so that uneven light does not steer the registration."""
    return _blurred(plane, 1.5) - _blurred(plane, 20.0)


def _markdown(result: dict[str, Summary], recipe: dict[str, int]) -> str:
    lines = [
        f"# Difficulty of `pixelgbm synth --task pairs` (version {synth.SYNTH_VERSION})",
        "",
        f"{recipe['train']} train pairs to tune on, {recipe['test']} test pairs, seed {recipe['seed']}. Written by "
        "`benchmarks/synth_difficulty.py`.",
        "",
        "| method | macro-F1 | +- | level 1 | level 2 | level 3 | on dirty | false alarms on clean |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, entry in result.items():
        levels = " | ".join(f"{value:.3f}" for value in entry["per_level"])
        figures = [f"{entry[key]:.3f}" for key in ("on_dirty", "false_alarms_on_clean")]
        start = f"| {name} | {entry['macro_f1']:.3f} | {entry['standard_error']:.3f} | {levels} |"
        lines.append(f"{start} {' | '.join(figures)} |")
    settings = [f"{name}: {entry['setting']}" for name, entry in result.items() if "setting" in entry]
    return "\n".join([*lines, "", f"Settings chosen on train: {'; '.join(settings)}.", ""])


def main() -> int:
    """Draw, measure, write and print; exit code 1 when the set is easier than promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("train", 150), ("test", 150), ("seed", 0), ("workers", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the two files are written")
    given = parser.parse_args()
    recipe = {"train": given.train, "test": given.test, "seed": given.seed}
    with tempfile.TemporaryDirectory() as folder:
        synth.make(Path(folder) / "data", **recipe, dev=0, workers=given.workers)
        result = measure(Path(folder) / "data", workers=given.workers)
    report = {"synth_version": synth.SYNTH_VERSION, **recipe, "methods": result}
    (given.out / "synth_difficulty.json").write_text(json.dumps(report, indent=1) + "\n")
    (given.out / "synth_difficulty.md").write_text(_markdown(result, recipe))
    print(_markdown(result, recipe))
    return int(any(result[f"{method} difference"]["macro_f1"] > most for method, most in METHODS.items()))


if __name__ == "__main__":
    raise SystemExit(main())
