"""Labelled data out of nothing, so that every command can be tried on a bare machine."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from pixelgbm import files
from pixelgbm.errors import ConfigError, OutputError
from pixelgbm.synth import assets, pairs
from pixelgbm.synth.fields import SYNTH_VERSION
from pixelgbm.threads import ordered_map

__all__ = ["SYNTH_VERSION", "TASKS", "Synthesis", "make"]

TASKS = ("pairs",)
"""What can be drawn: "pairs" are printed sheets with and without dirt, in the konica-minolta layout."""

_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What `make` left in `out`. reused: the same set lay there already and nothing was drawn."""

    out: Path
    pairs: int
    excluded: tuple[str, ...]
    reused: bool


def make(
    out: Path | str,
    *,
    task: str = "pairs",
    train: int = 240,
    dev: int = 80,
    test: int = 100,
    clean_share: float | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> Synthesis:
    """Draw a labelled data set into the folder `out`.

    The bytes depend on task, counts, clean_share, seed and SYNTH_VERSION, and never on `workers`.
    clean_share: of the images without dirt, at every level; None takes each level's share of the headline
    job. The truth of the test split is sealed: it lies in out/truth only, with pairs.csv, which knows how
    each pair was made and is for analysis after a result. out/excluded.txt lists the pairs whose reference
    shows another sheet.

    Raises ConfigError for an argument out of range, OutputError when `out` holds something else already
    or cannot be written; then nothing is left behind.
    """
    counts = {"train": train, "dev": dev, "test": test}
    _check(task, counts, clean_share, seed, workers)
    assets.check_assets()
    out = Path(out)
    recipe: dict[str, object] = {
        "task": task,
        "synth_version": SYNTH_VERSION,
        **counts,
        "clean_share": clean_share,
        "seed": seed,
    }
    reused = _holds(out, recipe)
    if not reused:
        with files.replace_folder(out) as folder:
            _draw(folder, pairs.plan(counts, clean_share=clean_share, seed=seed), recipe, workers, progress)
    excluded = tuple((out / "excluded.txt").read_text(encoding="utf-8").split())
    return Synthesis(out, sum(counts.values()), excluded, reused)


def _check(task: str, counts: dict[str, int], clean_share: float | None, seed: int, workers: int) -> None:
    if task not in TASKS:
        raise ConfigError(f"synth: unknown task {task!r}; known: {', '.join(TASKS)}")
    for split, count in counts.items():
        if not 0 <= count <= _MOST:
            raise ConfigError(f"synth: {split}={count}, allowed are 0 to {_MOST}")
    if not any(counts.values()):
        raise ConfigError("synth: train, dev and test are all 0, at least one pair is needed")
    if clean_share is not None and not 0 <= clean_share <= 1:
        raise ConfigError(f"synth: clean_share={clean_share}, allowed are 0 to 1")
    if seed < 0:
        raise ConfigError(f"synth: seed={seed}, allowed are whole numbers from 0")
    if workers < 1:
        raise ConfigError(f"synth: workers={workers}, allowed are whole numbers from 1")


def _holds(out: Path, recipe: dict[str, object]) -> bool:
    """Whether `out` is a finished set of this very recipe; OutputError when it is something else."""
    with files.output_errors(out):
        if not out.is_dir() or not any(out.iterdir()):
            return False
    try:
        found = json.loads((out / "truth" / "synth.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found == recipe and (out / "excluded.txt").is_file():
        return True
    what = "another synthetic set" if isinstance(found, dict) else "other files"
    raise OutputError(f"{out}: holds {what} already; give a new folder or remove this one")


def _draw(
    folder: Path,
    jobs: list[pairs.Job],
    recipe: dict[str, object],
    workers: int,
    progress: Callable[[int, int, str], None] | None,
) -> None:
    with files.output_errors(folder):
        for job, where in product(jobs, ("folder", "mask_folder")):
            (folder / getattr(job, where)).mkdir(parents=True, exist_ok=True)
        (folder / "truth").mkdir(exist_ok=True)
    records = []
    for record in ordered_map(lambda job: pairs.write_pair(folder, job), jobs, workers=workers):
        records.append(record)
        if progress is not None:
            progress(len(records), len(jobs), "drawing pairs")
    records.sort(key=lambda record: record.id)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(pairs.Record.columns())
    writer.writerows(record.values() for record in records)
    files.write_text(folder / "truth" / "pairs.csv", table.getvalue())
    files.write_text(folder / "truth" / "synth.json", json.dumps(recipe, indent=1) + "\n")
    files.write_text(folder / "excluded.txt", "".join(f"{r.id}\n" for r in records if r.wrong_reference))
