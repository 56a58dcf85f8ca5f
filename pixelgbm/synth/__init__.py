"""Labelled data out of nothing, so that every command can be tried on a bare machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pixelgbm import files
from pixelgbm.errors import ConfigError, OutputError
from pixelgbm.synth import assets, text
from pixelgbm.synth.fields import SYNTH_VERSION
from pixelgbm.synth.tasks import TASKS, Task
from pixelgbm.synth.writing import Progress

__all__ = ["SYNTH_VERSION", "TASKS", "Synthesis", "Task", "make"]

_MOST = 1_000_000
_MOST_ANNOTATORS = 20


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What `make` left in `out`: how many of each split were drawn, counted in the task's unit.

    reused: the same set lay there already and nothing was drawn.
    """

    out: Path
    layout: str
    counts: dict[str, int]
    excluded: tuple[str, ...]
    reused: bool


def make(
    out: Path | str,
    *,
    task: str = "pairs",
    train: int | None = None,
    dev: int | None = None,
    test: int | None = None,
    clean_share: float | None = None,
    defects: int | None = None,
    annotators: int | None = None,
    surface: str | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Synthesis:
    """Draw a labelled data set into the folder `out`; what is None is as in `TASKS[task]`.

    The bytes depend on all arguments but `workers` and `progress`, and on SYNTH_VERSION.
    clean_share: of the images (or straws) without a defect; of the task texture in the test split. defects: train
    images with a defect (texture). annotators: people who mark the train images once more (straws). surface:
    "text" or "metal" (text).

    The truth of the test split is sealed: it lies in out/truth only, with a table of every pair or flaw, which is
    for analysis after a result. out/excluded.txt lists the pairs whose reference shows another sheet.

    Raises ConfigError for an argument out of range or one that the task has no use for, OutputError when `out` holds
    something else already or cannot be written; then nothing is left behind.
    """
    if task not in TASKS:
        raise ConfigError(f"synth: unknown task {task!r}; known: {', '.join(TASKS)}")
    row = TASKS[task]
    counts = _counts(task, row, {"train": train, "dev": dev, "test": test})
    given = {"defects": defects, "annotators": annotators, "surface": surface}
    options = _options(task, row, {name: value for name, value in given.items() if value is not None})
    share = row.clean_share if clean_share is None else clean_share
    _check(share, seed, workers)
    _check_options(options, counts)
    assets.check_assets()
    out = Path(out)
    recipe: dict[str, object] = {
        "task": task,
        "synth_version": SYNTH_VERSION,
        **counts,
        "clean_share": share,
        **options,
        "seed": seed,
    }
    reused = _holds(out, recipe)
    if not reused:
        with files.replace_folder(out) as folder:
            row.write(folder, row.plan(counts, clean_share=share, seed=seed, **options), workers, progress)
            files.write_text(folder / "truth" / "synth.json", json.dumps(recipe, indent=1) + "\n")
    return Synthesis(out, row.layout, counts, _excluded(out), reused)


def _counts(task: str, row: Task, given: Mapping[str, int | None]) -> dict[str, int]:
    """The number to draw of every split that the task has."""
    for split, count in given.items():
        if count is not None and not 0 <= count <= _MOST:
            raise ConfigError(f"synth: {split}={count}, allowed are 0 to {_MOST}")
        if count and split not in row.counts:
            raise ConfigError(f"synth: {split}={count}, the task {task} has only the splits {', '.join(row.counts)}")
    counts = {split: count if given[split] is None else int(given[split] or 0) for split, count in row.counts.items()}
    if not any(counts.values()):
        *first, last = counts
        raise ConfigError(f"synth: {', '.join(first)} and {last} are all 0; at least one of the {row.unit} is needed")
    if counts["train"] < row.least_train:
        raise ConfigError(f"synth: train={counts['train']}, the layout {row.layout} needs at least {row.least_train}")
    return counts


def _options(task: str, row: Task, given: Mapping[str, int | str]) -> dict[str, int | str]:
    """The task's own options, its defaults where nothing is given."""
    for name, value in given.items():
        if name not in row.options:
            able = next(other for other, found in TASKS.items() if name in found.options)
            raise ConfigError(f"synth: {name}={value}, the task {task} has no use for it; only {able} has")
    return {**row.options, **given}


def _check(clean_share: float | None, seed: int, workers: int) -> None:
    if clean_share is not None and not 0 <= clean_share <= 1:
        raise ConfigError(f"synth: clean_share={clean_share}, allowed are 0 to 1")
    if seed < 0:
        raise ConfigError(f"synth: seed={seed}, allowed are whole numbers from 0")
    if workers < 1:
        raise ConfigError(f"synth: workers={workers}, allowed are whole numbers from 1")


def _check_options(options: Mapping[str, int | str], counts: Mapping[str, int]) -> None:
    defects, annotators = int(options.get("defects", 0)), int(options.get("annotators", 0))
    if not 0 <= defects <= counts["train"] and "defects" in options:
        raise ConfigError(
            f"synth: defects={defects}, allowed are 0 to {counts['train']}, the images of the split train"
        )
    if not 0 <= annotators <= _MOST_ANNOTATORS:
        raise ConfigError(f"synth: annotators={annotators}, allowed are 0 to {_MOST_ANNOTATORS}")
    if annotators and not counts["train"]:
        raise ConfigError(f"synth: annotators={annotators} mark the split train, but train=0")
    if options.get("surface", "text") not in text.SURFACES:
        raise ConfigError(f"synth: unknown surface {options['surface']!r}; known: {', '.join(text.SURFACES)}")


def _excluded(out: Path) -> tuple[str, ...]:
    """The identifiers that the set itself excludes."""
    path = out / "excluded.txt"
    with files.output_errors(path):
        return tuple(path.read_text(encoding="utf-8").split()) if path.is_file() else ()


def _holds(out: Path, recipe: dict[str, object]) -> bool:
    """Whether `out` is a finished set of this very recipe; OutputError when it is something else."""
    with files.output_errors(out):
        if not out.is_dir() or not any(out.iterdir()):
            return False
    try:
        found = json.loads((out / "truth" / "synth.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found == recipe:
        return True
    what = "another synthetic set" if isinstance(found, dict) else "other files"
    raise OutputError(f"{out}: holds {what} already; give a new folder or remove this one")
