"""How far registration stays from the truth, over what range, and whether it notices a wrong reference.

    python benchmarks/registration.py --pairs 30 --seed 5 [--data fgcd=FOLDER]

Pairs are drawn as `pixelgbm synth` draws them (screens, two shots, local warps), so the place of every pixel on the
sheet is known for both shots. The residual of a pixel is the distance, px, between the sheet point it shows and the
sheet point that registration reads for it from the reference. Three tables:

* levels: ordinary pairs;
* range: one thing at a time, or several, set far beyond the ordinary; a pair fails above 1 px (median over its pixels);
* wrong references: true pairs against references of another sheet of the same level, of one with the same font, and of
  another crop of the same photograph; of a folder given with --data (a layout of pixelgbm whose samples have groups)
  each image against its own reference and against the same view of the next two groups.

Columns, px: before and median are the median over pairs of the median residual, centre on centre and registered; p90 is
the registered one of the 90th of 100 pairs, pixel_p90 the residual that 90 of 100 pixels stay below.

Writes registration.json and registration.md beside itself.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from features import register
from features.registration import Registration
from pixelgbm import datasets, files
from pixelgbm.synth import capture, halftone, pairs

HERE = Path(__file__).parent
BORDER = 12
FAILED = 1.0
"""Median residual, px, above which a pair counts as not registered."""

View = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """What is done to the image's shot, against the reference's; period: px of a strong regular screen, 0 as drawn."""

    name: str
    scale: float = 1.0
    turn: float = 0.0
    shift: float = 0.0
    focus: float = 0.0
    gain: float = 1.0
    flare: float = 0.0
    period: float = 0.0


RANGE = (
    Condition("ordinary"),
    *(Condition(f"scale {s}", scale=s) for s in (0.7, 0.85, 1.2, 1.4)),
    *(Condition(f"turn {t} deg", turn=t) for t in (-2, -1, 1, 2)),
    *(Condition(f"shift {s} px", shift=s) for s in (8, 16, 25)),
    Condition("scale 0.7, turn -2 deg, shift 25 px", scale=0.7, turn=-2, shift=25),
    Condition("scale 1.1, turn 1 deg, shift 10 px", scale=1.1, turn=1, shift=10),
    Condition("scale 1.4, turn 2 deg, shift 15 px", scale=1.4, turn=2, shift=15),
    *(Condition(f"focus {f} px", focus=f) for f in (2.0, 3.0)),
    *(Condition(f"gain {g}", gain=g) for g in (0.4, 0.6, 1.6)),
    *(Condition(f"flare {f}", flare=f) for f in (0.05, 0.15)),
    *(Condition(f"screen {p} px", period=p) for p in (2.5, 4, 6, 8, 12)),
    Condition("screen 6 px, shift 20 px", period=6, shift=20),
    Condition("screen 8 px, scale 0.85", period=8, scale=0.85),
)


def views(job: pairs.Job, what: Condition) -> tuple[View, View]:
    """Image and reference under a condition, each with the sheet point (2, rows, cols) of every pixel."""
    rng = pairs.generator(job.seed, "registration benchmark", job.level, job.index)
    printed = pairs._print(rng, job)
    if what.period:
        printed = dataclasses.replace(printed, press=screened(printed.press, what.period))
    shots = []
    for still, size in ((False, pairs.IMAGE), (True, pairs.REFERENCE)):
        pose = capture.make_pose(rng, still=still)
        camera = capture.make_camera(rng, exposure=0.6, noise=1.5, mosaic=0.5)
        if not still and what.name != "ordinary":
            pose, camera = changed(rng, pose, camera, what)
        where = np.stack(capture._look(copy.deepcopy(rng), size, pose))  # expose() draws the same local warp first
        shots.append(
            (capture.develop(rng, capture.expose(rng, printed, size, pose=pose, camera=camera), camera), where)
        )
    return shots[0], shots[1]


def screened(press: halftone.Press, period: float) -> halftone.Press:
    """The same inks on a strong regular screen of that period."""
    waves = []
    for row, col, *phases in press.waves:
        factor = 2 * np.pi / period / float(np.hypot(row, col))
        waves.append((row * factor, col * factor, *phases))
    return dataclasses.replace(press, kind="amplitude", period=period, waves=tuple(waves), amplitude=0.8)


def changed(
    rng: np.random.Generator, pose: capture.Pose, camera: capture.Camera, what: Condition
) -> tuple[capture.Pose, capture.Camera]:
    """Pose and camera of a shot under a condition; a shift goes in a random direction."""
    towards = rng.uniform(0, 2 * np.pi)
    shift = (pose.shift[0] + what.shift * np.cos(towards), pose.shift[1] + what.shift * np.sin(towards))
    pose = dataclasses.replace(pose, turn=pose.turn + what.turn, scale=pose.scale * what.scale, shift=shift)
    camera = dataclasses.replace(
        camera,
        focus=what.focus or camera.focus,
        light=camera.light * np.float32(what.gain),
        flare=camera.flare + what.flare,
    )
    return pose, camera


def residuals(image: View, reference: View) -> tuple[np.ndarray, np.ndarray, Registration]:
    """Per pixel that both show the distance before (centre on centre) and after registration, and the registration."""
    found = register(image[0], reference[0])
    offset = (pairs.REFERENCE - pairs.IMAGE) / 2
    r, c = np.mgrid[0 : pairs.IMAGE, 0 : pairs.IMAGE].astype(np.float32) + np.float32(offset)
    both = np.zeros(image[1].shape[1:], np.bool_)
    both[BORDER:-BORDER, BORDER:-BORDER] = True
    low, high = reference[1][:, BORDER, BORDER], reference[1][:, -BORDER, -BORDER]
    both &= ((image[1] > low[:, None, None]) & (image[1] < high[:, None, None])).all(axis=0)
    gaps = []
    for rows, cols in ((r, c), (found.field[0], found.field[1])):
        seen = np.stack([cv2.remap(plane.astype(np.float32), cols, rows, cv2.INTER_LINEAR) for plane in reference[1]])
        gaps.append(np.hypot(*(seen - image[1]))[both])
    return gaps[0], gaps[1], found


def measured(jobs: list[pairs.Job], what: Condition) -> dict[str, object]:
    """One row of the first two tables: medians over pairs, px."""
    before, after, wide, statuses = [], [], [], Counter[str]()
    for job in jobs:
        raw, registered, found = residuals(*views(job, what))
        before.append(float(np.median(raw)))
        after.append(float(np.median(registered)))
        wide.append(float(np.quantile(registered, 0.9)))
        statuses[found.quality.status] += 1
    return {
        "condition": what.name,
        "level": jobs[0].level,
        "pairs": len(jobs),
        "before": round(float(np.median(before)), 3),
        "median": round(float(np.median(after)), 3),
        "p90": round(float(np.quantile(after, 0.9)), 3),
        "pixel_p90": round(float(np.median(wide)), 3),
        "failed": sum(gap > FAILED for gap in after),
        "aligned": statuses["aligned"],
        "no_shift": statuses["no-shift"],
        "mismatch": statuses["mismatch"],
    }


def drawn_pairs(jobs: list[pairs.Job]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(kind, image, reference) of drawn pairs, true and wrong; half the images are dirty."""
    drawn = [pairs.draw_pair(job) for job in jobs]
    for k, (job, (image, reference, _, _)) in enumerate(zip(jobs, drawn, strict=True)):
        yield f"synth level {job.level}, true", image, reference
        other = next(
            d for j, d in zip(jobs[k + 1 :] + jobs, drawn[k + 1 :] + drawn, strict=True) if j.level == job.level
        )
        yield f"synth level {job.level}, another sheet", image, other[1]
        if job.source:
            what = "the same font" if job.level == 2 else "another crop of the photograph"
            yield f"synth level {job.level}, {what}", image, pairs.draw_pair(dataclasses.replace(job, wrong=True))[1]


def stored_pairs(name: str, folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(kind, image, reference) of a data folder: each image with its own reference and those of the next two groups."""
    dataset, loaded = datasets.open_dataset(folder), []
    for sample in dataset.samples:
        pair = datasets.read_pair(dataset, sample)
        if pair.reference is not None:
            loaded.append((sample.group, sample.view, pair.test, pair.reference))
    for k, (group, view, image, reference) in enumerate(loaded):
        yield f"{name}, true", image, reference
        others = [another for other, seen, _, another in loaded[k:] + loaded[:k] if other != group and seen == view]
        for another in others[:2]:
            yield f"{name}, another scene", image, another


def noticed(triples: Iterator[tuple[str, np.ndarray, np.ndarray]]) -> list[dict[str, object]]:
    """The third table: how many references of each kind are called wrong."""
    counts: dict[str, Counter[str]] = {}
    for kind, image, reference in triples:
        counts.setdefault(kind, Counter())[register(image, reference).quality.status] += 1
    return [
        {"kind": kind, "pairs": sum(found.values()), "aligned": found["aligned"], "no_shift": found["no-shift"]}
        | {"mismatch": found["mismatch"]}
        for kind, found in sorted(counts.items())
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30, help="pairs per level; the range takes a third of them")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=FOLDER", help="true and crossed pairs of it"
    )
    options = parser.parse_args()
    jobs = [j for j in pairs.plan({"dev": 6 * options.pairs}, clean_share=1.0, seed=options.seed) if not j.wrong]
    of_level = {level: [j for j in jobs if j.level == level][: options.pairs] for level in (1, 2, 3)}
    cv2.setNumThreads(1)
    levels = [measured(of_level[level], RANGE[0]) for level in (1, 2, 3)]
    few = max(1, options.pairs // 3)
    ranges = [measured(of_level[level][:few], what) for what in RANGE for level in (2, 3)]
    half_clean = pairs.plan({"dev": 6 * options.pairs}, clean_share=0.5, seed=options.seed + 1)
    several = [j for k in (1, 2, 3) for j in [j for j in half_clean if j.level == k and not j.wrong][: options.pairs]]
    kinds = noticed(drawn_pairs(several))
    for row in options.data:
        name, _, folder = row.partition("=")
        kinds += noticed(stored_pairs(name, Path(folder)))
    command = f"--pairs {options.pairs} --seed {options.seed}"
    text = json.dumps({"command": command, "levels": levels, "range": ranges, "references": kinds}, indent=1)
    files.write_text(HERE / "registration.json", text + "\n")
    files.write_text(HERE / "registration.md", "\n\n".join([page(levels), page(ranges), references(kinds)]) + "\n")


def page(table: list[dict[str, object]]) -> str:
    """A table of residuals as Markdown."""
    head = (
        "| condition | level | pairs | centred, px | registered, px | 90 % of pairs, px | 90 % of pixels, px | failed |"
    )
    lines = [f"{head} aligned / no shift / mismatch |", "|---|" + "---|" * 8]
    columns = ("condition", "level", "pairs", "before", "median", "p90", "pixel_p90", "failed")
    for row in table:
        statuses = " / ".join(str(row[name]) for name in ("aligned", "no_shift", "mismatch"))
        lines.append("| " + " | ".join(str(row[name]) for name in columns) + f" | {statuses} |")
    return "\n".join(lines)


def references(table: list[dict[str, object]]) -> str:
    """The table of true and wrong references as Markdown."""
    lines = ["| reference | pairs | aligned | no shift | mismatch |", "|---|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in table])


if __name__ == "__main__":
    main()
