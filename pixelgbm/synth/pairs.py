"""Printed pairs: a sheet photographed twice, dirt on one of the two shots, and everything that is true of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, formats, images
from pixelgbm.synth import assets, dirt
from pixelgbm.synth.capture import Print, develop, expose, make_camera, make_pose
from pixelgbm.synth.fields import generator, noise
from pixelgbm.synth.halftone import make_press, separate
from pixelgbm.synth.planning import Deck, chosen
from pixelgbm.synth.sheets import SHEET, draw_sheet
from pixelgbm.synth.soiling import soil
from pixelgbm.synth.writing import Progress, write_csv
from pixelgbm.threads import ordered_map

__all__ = [
    "CLEAN_SHARES",
    "IMAGE",
    "REFERENCE",
    "SEALED",
    "Job",
    "Record",
    "draw_pair",
    "plan",
    "write_pair",
    "write_set",
]

IMAGE, REFERENCE = 390, 500
SEALED = ("test",)
"""Splits whose masks lie under OUT/truth only."""

CLEAN_SHARES = {1: 0.402, 2: 0.361, 3: 0.288}
_LEVEL_SHARES = {1: 0.182, 2: 0.363, 3: 0.455}
_WRONG_SHARE = 0.01
_TEXTURE_SHARE = 0.35  # of the sheets of level 3 show no photograph but a texture


@dataclass(frozen=True, slots=True)
class Job:
    """One pair to draw.

    pattern: a number of dirt.PATTERNS, None for a clean pair. source: a face or photograph, "" for none.
    """

    id: int
    seed: int
    split: str
    level: int
    index: int
    pattern: int | None
    source: str
    wrong: bool

    @property
    def folder(self) -> str:
        return f"{self.split}/level-{self.level}"

    @property
    def mask_folder(self) -> str:
        return f"truth/{self.folder}" if self.split in SEALED else self.folder


@dataclass(frozen=True, slots=True)
class Record:
    """One row of OUT/truth/pairs.csv: what is true of a pair; poses are the image's against the reference's."""

    id: int
    split: str
    level: int
    pattern: str
    kind: str
    dirt_pixels: int
    contrast: float
    dirt_levels: float
    shift_row: float
    shift_col: float
    turn_degrees: float
    scale: float
    source: str
    screen: str
    period: float
    amplitude: float
    mosaic: float
    exposure: float
    noise_levels: float
    wrong_reference: int

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    def values(self) -> tuple[object, ...]:
        return tuple(asdict(self).values())


def plan(counts: Mapping[str, int], *, clean_share: float | None, seed: int) -> list[Job]:
    """Every pair of the set: exact numbers per level, exact clean shares, patterns and sources used evenly."""
    numbers = iter((generator(seed, "numbers").permutation(sum(counts.values())) + 1).tolist())
    jobs: list[Job] = []
    for split, count in counts.items():
        rng = generator(seed, "plan", split)
        patterns: Deck[int] = Deck(rng, tuple(dirt.PATTERNS[split]))
        faces, photographs = Deck(rng, assets.FACES[split]), Deck(rng, assets.PHOTOGRAPHS[split])
        wrong = iter(chosen(rng, count, _WRONG_SHARE))
        for level, size in _level_sizes(count).items():
            for index, clean in enumerate(
                chosen(rng, size, CLEAN_SHARES[level] if clean_share is None else clean_share)
            ):
                source = ""
                if level == 2:
                    source = faces.draw()
                elif level == 3 and rng.random() >= _TEXTURE_SHARE:
                    source = photographs.draw()
                pattern = None if clean else patterns.draw()
                jobs.append(Job(next(numbers), seed, split, level, index, pattern, source, next(wrong)))
    return jobs


def draw_pair(job: Job) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_], Record]:
    """Image (390, 390, 3), reference (500, 500, 3), mask (390, 390) and the record of one pair, from the job alone."""
    rng = generator(job.seed, job.split, job.level, job.index)
    printed = _print(rng, job)
    exposure = float(np.exp(rng.uniform(np.log(0.22), 0)))
    sensor = float(1.5 * np.exp(rng.normal(0, 0.35)))
    mosaic = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.6 else 0.0
    pose, camera = make_pose(rng, still=False), make_camera(rng, exposure=exposure, noise=sensor, mosaic=mosaic)
    light = expose(rng, printed, IMAGE, pose=pose, camera=camera)
    mask, kind, soiling = np.zeros((IMAGE, IMAGE), np.bool_), "", None
    if job.pattern is not None:
        found = dirt.pattern(job.pattern)
        hand = generator(job.seed, job.split, job.level, job.index, "dirt")  # the clean twin keeps every other draw
        density, mask = dirt.place(found, hand, IMAGE)
        kind, soiling = found.kind, soil(hand, light, found, density, mask, camera)
    image = develop(rng, light, camera)
    if job.wrong:  # the picture of another sheet of the same kind was filed beside this one
        printed = _print(generator(job.seed, job.split, job.level, job.index, "other sheet"), job)
    still, camera = make_pose(rng, still=True), make_camera(rng, exposure=exposure, noise=sensor, mosaic=mosaic)
    reference = develop(rng, expose(rng, printed, REFERENCE, pose=still, camera=camera), camera)
    press = printed.press
    return (
        image,
        reference,
        mask,
        Record(
            id=job.id,
            split=job.split,
            level=job.level,
            pattern="" if job.pattern is None else f"{job.pattern:04d}",
            kind=kind,
            dirt_pixels=int(mask.sum()),
            contrast=round(soiling.contrast, 4) if soiling else 0.0,
            dirt_levels=round(soiling.levels, 2) if soiling else 0.0,
            shift_row=round(pose.shift[0] - still.shift[0], 3),
            shift_col=round(pose.shift[1] - still.shift[1], 3),
            turn_degrees=round(pose.turn - still.turn, 4),
            scale=round(pose.scale / still.scale, 5),
            source=job.source,
            screen=press.kind,
            period=press.period,
            amplitude=round(press.amplitude, 3),
            mosaic=round(mosaic, 3),
            exposure=round(exposure, 3),
            noise_levels=round(sensor, 3),
            wrong_reference=int(job.wrong),
        ),
    )


def write_pair(out: Path, job: Job) -> Record:
    """Draw the pair of `job` and write its four files below `out`, whose folders are there already."""
    image, reference, mask, record = draw_pair(job)
    images.write_tiff(out / job.folder / f"{job.id}.tif", image)
    images.write_tiff(out / job.folder / f"{job.id}_ref.tif", reference)
    images.write_tiff(out / job.mask_folder / f"{job.id}_mask.tif", mask, compress=True)
    files.write_text(out / job.mask_folder / f"{job.id}_mask.txt", formats.encode_mask_text(mask))
    return record


def write_set(folder: Path, jobs: Sequence[Job], workers: int, progress: Progress | None) -> None:
    """Draw all pairs into `folder`, their records to truth/pairs.csv, the wrong ones' numbers to excluded.txt."""
    with files.output_errors(folder):
        for job, where in product(jobs, ("folder", "mask_folder")):
            (folder / getattr(job, where)).mkdir(parents=True, exist_ok=True)
    records = []
    for record in ordered_map(lambda job: write_pair(folder, job), jobs, workers=workers):
        records.append(record)
        if progress is not None:
            progress(len(records), len(jobs), "drawing pairs")
    records.sort(key=lambda record: record.id)
    write_csv(folder / "truth" / "pairs.csv", Record.columns(), (record.values() for record in records))
    files.write_text(folder / "excluded.txt", "".join(f"{r.id}\n" for r in records if r.wrong_reference))


def _print(rng: np.random.Generator, job: Job) -> Print:
    sheet = draw_sheet(rng, job.level, job.source)
    press = make_press(rng)
    grain = noise(rng, (SHEET, SHEET), sigma=rng.uniform(0.6, 1.1))
    return Print(separate(sheet.tone, press), np.stack([sheet.paper, grain], axis=2), press)


def _level_sizes(count: int) -> dict[int, int]:
    """How many of `count` pairs each level gets."""
    first, second = (round(count * _LEVEL_SHARES[level]) for level in (1, 2))
    return {1: first, 2: second, 3: count - first - second}
