"""The four jobs without a reference, each from drawn data to its score, beside the peers on the same splits.

    python benchmarks/jobs.py texture --work WORK [--train 3030 --test 1000] [--augment 300] [--peer forest]

Runs the commands that a user would run: synth, augment if asked for, train, tune, warm-up, predict with one and with
two workers, submit where the layout has an answer file, score; then the peers of accuracy.py. The empty answer always
stands beside. What is done is kept in WORK, and a second run goes on from there. Images a second are without the start
of the program: the time of `inspect` of one image is taken off. Every run replaces its rows in jobs.json and jobs.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import accuracy
from peers import PEERS

from pixelgbm import datasets, files
from pixelgbm.errors import PixelgbmError
from pixelgbm.images import image_size
from pixelgbm.synth import SYNTH_VERSION, TASKS

HERE = Path(__file__).parent
OURS = "pixelgbm"
YARDSTICKS = ("contrast", "forest", "u-net")


@dataclass(frozen=True)
class Job:
    """metric: what it is tuned for. measures: title -> (metric of the score, keys of a row of accuracy.py); * is every
    head. dev: whether the rule is tuned on that split, too. clean_share: of the images where the model will be used, as
    a user knows it of his line; None: as in training.
    """

    metric: str
    measures: dict[str, tuple[str, tuple[str, ...]]]
    dev: bool = False
    clean_share: float | None = None


JOBS = {
    "texture": Job(
        "verdict-f1",
        {"macro-F1 of verdicts": ("verdict-f1", ("overall", "score_mean"))},
        clean_share=TASKS["texture"].clean_share,
    ),
    "straws": Job(
        "macro-f1",
        {
            "mean pixel F1": ("macro-f1", ("overall", "score_mean")),
            "mean pixel F1, *": ("macro-f1", ("heads", "*", "score_mean")),
            "F1 of all pixels, *": ("macro-f1", ("pooled", "*")),
            "macro-F1 of objects": ("verdict-f1", ("overall", "score_mean")),
        },
        dev=True,
    ),
    "steel": Job(
        "dice",
        {
            "mean Dice": ("dice", ("overall", "score_mean")),
            "mean Dice, class *": ("dice", ("heads", "*", "score_mean")),
        },
    ),
    "text": Job(
        "verdict-f1",
        {
            "macro-F1 of verdicts": ("verdict-f1", ("overall", "score_mean")),
            "F1 of bad": ("verdict-f1", ("verdicts", "NG", "f1")),
            "recall of good": ("verdict-f1", ("verdicts", "OK", "recall")),
        },
        dev=True,
    ),
}


class Steps:
    """Commands of pixelgbm, each run once: what it took is kept in FOLDER/steps/NAME.json."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, name: str, *arguments: object, codes: tuple[int, ...] = (0,)) -> dict[str, float]:
        """{seconds, peak_mib} of `pixelgbm ARGUMENTS`.

        SystemExit when it ends with another code than `codes`, and when the step was run with other arguments.
        """
        note, said = self._folder / "steps" / f"{name}.json", [str(argument) for argument in arguments]
        if not note.exists():
            files.write_text(note, json.dumps(self._taken(name, said, codes) | {"arguments": said}) + "\n")
        found = json.loads(note.read_text(encoding="utf-8"))
        if (before := found.pop("arguments")) != said:
            raise SystemExit(f"{note}: was run as {' '.join(before)}, not {' '.join(said)}; choose another --work")
        return dict(found)

    def _taken(self, name: str, arguments: Sequence[str], codes: tuple[int, ...]) -> dict[str, Any]:
        print(" ".join(["pixelgbm", *arguments]), flush=True)
        with tempfile.TemporaryDirectory() as folder:
            peak, started = Path(folder) / "peak", time.monotonic()
            ended = subprocess.run([sys.executable, "-c", _MEASURED, peak, *arguments], cwd=HERE.parent, check=False)
            seconds = time.monotonic() - started
            if ended.returncode not in codes:
                raise SystemExit(f"{name}: ended with code {ended.returncode}")
            return {"seconds": seconds, "peak_mib": int(peak.read_text(encoding="utf-8")) / 2**20}


_MEASURED = """\
import atexit, pathlib, sys
from pixelgbm.__main__ import main
from pixelgbm.machine import peak_memory
peak = pathlib.Path(sys.argv.pop(1))
atexit.register(lambda: peak.write_text(str(peak_memory() or 0)))
main()
"""
"""`pixelgbm ARGUMENTS` that leaves the most bytes it held in the file named first: nobody else knows for sure."""


def run_ours(options: argparse.Namespace) -> dict[str, Any]:
    """From drawn data to the score; what it cost."""
    job, data, place = JOBS[options.job], options.work / "data", options.place
    own, steps = Steps(place), Steps(options.work)
    counts = [v for name in ("train", "dev", "test", "defects") for v in _option(name, getattr(options, name))]
    workers = ("--workers", options.workers)
    steps.run("synth", "synth", data, "--task", options.job, "--seed", options.seed, *counts, *workers)
    learnt, model, found = data, place / "model", place / "predictions"
    if options.augment:
        learnt = place / "augmented"
        share = ("--procedural", options.procedural)
        own.run("augment", "augment", data, "--out", learnt, "--images", options.augment, *share, *workers)
    config = _option("config", options.config)
    train = own.run("train", "train", learnt, "--out", model, "--metric", job.metric, *config, *workers)
    tuned = (*(("--also", "dev") if job.dev else ()), *_option("clean-share", job.clean_share))
    tune = own.run("tune", "tune", model, data, *tuned, *workers)
    tests = datasets.open_dataset(data).select({"test"}).samples
    own.run("warm-up", "warm-up", model)
    _, start = (own.run(f"inspect-{n}", "inspect", model, tests[0].image, codes=(0, 1)) for n in (1, 2))
    runs = {
        n: own.run(f"predict-{n}", "predict", model, data, "--split", "test", "--out", folder, "--workers", n)
        for n, folder in ((1, found), (2, place / "predictions-2"))
    }
    answered = found
    if datasets.LAYOUTS[datasets.open_dataset(data).layout].write_answer is not None:
        answered = place / "answer.csv"
        own.run("submit", "submit", found, "--data", data, "--split", "test", "--out", answered)
    for metric in dict.fromkeys(metric for metric, _ in job.measures.values()):
        said = ("--metric", metric, "--json", place / f"score-{metric}.json")
        own.run(f"score-{metric}", "score", answered, data, "--split", "test", "--truth", data / "truth", *said)
    rows, cols = image_size(tests[0].image)
    cost: dict[str, Any] = {
        "config": options.config.name if options.config else "default",
        "image": f"{rows}x{cols}",
        "training_s": round(train["seconds"]),
        "tuning_s": round(tune["seconds"]),
    }
    for n, taken in runs.items():
        rest = taken["seconds"] - start["seconds"]
        cost[f"images_a_second_{n}"] = round((len(tests) - 1) / rest, 2) if rest > 0 else None
    return cost | {"predict_peak_mib": round(runs[1]["peak_mib"]), "test_images": len(tests)}


def run_peers(options: argparse.Namespace, metric: str) -> list[dict[str, Any]]:
    """The rows of accuracy.py: ours, tuned for the metric of the job; the empty answer; peers tuned for `metric`."""
    data = options.work / "data"
    out = options.place / "peers" / metric
    said = [data, "--work", options.work / "peers", "--out", out, "--split", "test", "--truth", data / "truth"]
    said += ["--ours", f"{OURS}={options.place / 'predictions'}", "--metric", metric, "--seed", options.seed]
    said += ["--workers", options.workers, "--unet-minutes", options.unet_minutes, "--data-name", options.job]
    said += ["--openings", options.work / "openings.md", "--resamples", options.resamples]
    said += [part for name in options.peer or ["none"] for part in ("--only", name)]
    return accuracy.compare(accuracy.read_options([str(part) for part in said]))


def measured(options: argparse.Namespace, cost: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for every measure of the job."""
    job = JOBS[options.job]
    tables = {metric: run_peers(options, metric) for metric in (job.metric, *_others(job))}
    titles = {"all clean": "all clean", OURS: OURS} | {peer.title: peer.name for peer in PEERS}
    rows = []
    for title, (metric, keys) in job.measures.items():
        methods = {titles[row["method"]]: row for row in tables[metric]}
        for head in methods[OURS]["heads"] if "*" in keys else [""]:
            path = [head if key == "*" else key for key in keys]
            row = {"job": options.name, "measure": title.replace("*", head), "seed": options.seed}
            row |= {name: _value(methods.get(name), path) for name in (OURS, "all clean", *YARDSTICKS)}
            rows.append(row | {"low": None, "high": None})
            if keys[0] == "overall":
                rows[-1]["low"], rows[-1]["high"] = methods[OURS]["overall"]["interval"]
    return [row | cost for row in rows]


def _others(job: Job) -> list[str]:
    return [m for m in dict.fromkeys(metric for metric, _ in job.measures.values()) if m != job.metric]


def _value(row: dict[str, Any] | None, path: Sequence[str]) -> float | None:
    return None if row is None else round(float(reduce(lambda found, key: found[key], path, row)), 4)


def _option(name: str, value: object) -> tuple[object, ...]:
    return () if value is None else (f"--{name}", value)


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    """Replace the rows of this run in jobs.json and write jobs.md from all."""
    path = out / "jobs.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    names = {row["job"] for row in rows}
    kept = sorted([row for row in kept if row["job"] not in names] + rows, key=lambda row: str(row["job"]))
    files.write_text(path, json.dumps({"synth_version": SYNTH_VERSION, "rows": kept}, indent=1) + "\n")
    files.write_text(out / "jobs.md", "\n".join(_page(kept)) + "\n")


def _page(rows: list[dict[str, Any]]) -> list[str]:
    figures = {OURS: OURS, "all clean": "empty answer", "contrast": "local contrast", "forest": "random forest"}
    figures |= {"u-net": "U-Net"}
    heading = ["job", "measure", *figures.values(), "95 % of ours"]
    lines = ["# The jobs without a reference", "", f"Drawn data, version {SYNTH_VERSION}; `benchmarks/jobs.py`.", ""]
    lines += [_line(heading), _line(["---"] * len(heading))]
    for row in rows:
        width = "-" if row["low"] is None else f"{row['low']:.4f} to {row['high']:.4f}"
        cells = ["-" if row[name] is None else f"{row[name]:.4f}" for name in figures]
        lines.append(_line([row["job"], row["measure"], *cells, width]))
    costs = {
        "config": "configuration",
        "image": "image",
        "test_images": "images",
        "training_s": "training, s",
        "tuning_s": "tuning, s",
    }
    costs |= {f"images_a_second_{n}": f"images a second, {n} worker{'s' * (n > 1)}" for n in (1, 2)}
    costs |= {"predict_peak_mib": "peak of predict, MiB"}
    lines += ["", _line(["job", *costs.values()]), _line(["---"] * (len(costs) + 1))]
    first = {row["job"]: row for row in reversed(rows)}
    shown = {name: ["-" if row[cost] is None else str(row[cost]) for cost in costs] for name, row in first.items()}
    return lines + [_line([name, *shown[name]]) for name in sorted(first)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("--work", type=Path, required=True, help="one folder a job and set of counts")
    parser.add_argument("--out", type=Path, default=HERE, help="where jobs.json and jobs.md lie")
    for name in ("train", "dev", "test", "defects"):
        parser.add_argument(f"--{name}", type=int, help="as `pixelgbm synth` has it")
    parser.add_argument("--augment", type=int, metavar="N", help="train on N new images, too; a row of its own")
    parser.add_argument("--procedural", type=float, default=0.0, metavar="SHARE", help="drawn ones among them")
    parser.add_argument("--config", type=Path, help="run.toml of the training")
    parser.add_argument("--peer", action="append", choices=YARDSTICKS, help="repeatable; none when left out")
    parser.add_argument("--unet-minutes", type=float, default=42.0, help="of two cores, as processor time")
    parser.add_argument("--resamples", type=int, default=2000, help="for the intervals")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    options.work = options.work.resolve()  # the commands run in the folder of the project
    options.config = options.config and options.config.resolve()
    variant = f"augmented-{options.augment}" if options.augment else "own"
    if options.augment and options.procedural:
        variant += f"-procedural-{options.procedural:g}"
    options.place = options.work / variant
    options.name = options.job if variant == "own" else f"{options.job}, {variant.replace('-', ' ')}"
    return options


def main() -> None:
    """Run one job, or say in one line why not."""
    options = read_options()
    try:
        write(options.out, measured(options, run_ours(options)))
    except PixelgbmError as error:
        raise SystemExit(str(error)) from error
    print((options.out / "jobs.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
