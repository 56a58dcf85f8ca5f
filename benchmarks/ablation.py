"""What each family, stage and treatment of blue is worth, and what more training pairs would be.

    python benchmarks/ablation.py DATA --out DIR [--pairs 200] [--only NAME] [--curve 75 150 300 600]

Every variation trains on the same pairs of `train`, tunes its decision on their out-of-fold tables alone and is scored
on `dev`, which nothing here learns from or chooses by. The last column is the paired difference to the base on the same
images. Models and answers are kept in DIR; a second run goes on from there. Writes ablation.json and ablation.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from peers.figures import Draws, differences
from rich.progress import Progress

from features import EVIDENCE
from pixelgbm import datasets, files
from pixelgbm.config import RunConfig, load_config
from pixelgbm.evaluation import score_path
from pixelgbm.inspection import inspect_into
from pixelgbm.model import read_model
from pixelgbm.predictions import PredictionWriter
from pixelgbm.records import Dataset
from pixelgbm.sampling import generator
from pixelgbm.scorecard import Scorecard
from pixelgbm.training import train
from pixelgbm.tuning import tune_model

Change = Callable[[RunConfig], RunConfig]


def _sampling(**changes: Any) -> Change:
    return lambda config: replace(config, sampling=replace(config.sampling, **changes))


def _features(**changes: Any) -> Change:
    return lambda config: replace(config, features=replace(config.features, **changes))


def _without(family: str) -> Change:
    return _features(families=tuple(name for name in EVIDENCE if name != family))


VARIATIONS: Mapping[str, tuple[str, Change]] = {
    "base": ("everything", lambda config: config),
    **{f"without-{name}": (f"without the {name} family", _without(name)) for name in EVIDENCE},
    **{f"blue-{name}": (f'blue = "{name}"', _features(blue=name)) for name in ("use", "drop")},
    "one-look": ("one look (profile fast)", lambda config: replace(config, profile="fast")),
    "lean": ("one lean look", lambda config: replace(
        config, profile="fast", booster=config.first_booster, features=replace(config.features, lean=True))),
    "two-looks": ("one later look instead of two", lambda config: replace(config, context_rounds=1)),
    "no-mining": ("one look, without mined negatives", lambda config: replace(
        config, profile="fast", sampling=replace(config.sampling, rounds=1))),
    "no-ring": ("no negatives near the border", _sampling(ring_share=0.0)),
    "no-pasting": ("no pasted defects", _sampling(pasted_share=0.0)),
    "no-regions": ("mean probability instead of the region booster", lambda config: replace(
        config, judge_regions=False)),
}  # fmt: skip


def subset(dataset: Dataset, pairs: int, *, seed: int) -> Dataset:
    """The first `pairs` of a seeded order of the usable training pairs, so that smaller sets are parts of larger."""
    usable = dataset.select({"train"}, usable_only=True)
    order = generator(seed, "ablation").permutation(len(usable.samples))
    chosen = set(order[:pairs].tolist())
    return replace(usable, samples=tuple(s for k, s in enumerate(usable.samples) if k in chosen))


def run(
    name: str, config: RunConfig, chosen: Dataset, dev: Dataset, out: Path, *, workers: int, progress: Progress
) -> tuple[Scorecard, float]:
    """Train, tune and answer dev, or take what an earlier run left; the card and the seconds of training."""
    folder = out / name
    if not (folder / "seconds.json").is_file():
        task = progress.add_task(name, total=None)

        def report(done: int, total: int, label: str) -> None:
            progress.update(task, description=f"{name}: {label}", completed=done, total=total)

        start = time.perf_counter()
        train(chosen, config, out=folder / "model", workers=workers, progress=report)
        tune_model(folder / "model", seed=config.seed, progress=report)
        seconds = time.perf_counter() - start
        answer(folder, dev, workers=workers, report=report)
        files.write_text(folder / "seconds.json", json.dumps(seconds))
        progress.remove_task(task)
    return score_path(folder / "dev", dev), float(json.loads((folder / "seconds.json").read_text()))


def answer(folder: Path, dev: Dataset, *, workers: int, report: Callable[[int, int, str], None]) -> None:
    model = read_model(folder / "model")
    writer = PredictionWriter(
        folder / "dev",
        model_digest=model.digest,
        data_digest=datasets.data_digest(dev),
        layout=dev.layout,
        ids=[s.id for s in dev.samples],
        heads=[head.name for head in model.heads],
    )
    with writer:
        inspect_into(writer, model, dev, workers=workers, progress=report)


def _row(title: str, card: Scorecard, base: Scorecard | None, seconds: float, *, seed: int) -> dict[str, Any]:
    assert card.overall is not None
    row: dict[str, Any] = {"variation": title, "overall": asdict(card.overall), "train_and_tune_seconds": seconds}
    if base is not None:
        row["change"] = differences(card, base, Draws(seed))["ours_minus_it"]
    return row


def _table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| variation | macro-F1 on dev | 95 % | change | 95 % | dirty at 0 | clean marked | train + tune, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        overall, change = row["overall"], row.get("change")
        low, high = overall["interval"]
        cells = [row["variation"], f"{overall['score_mean']:.4f}", f"{low:.4f} to {high:.4f}"]
        cells += ["-", "-"] if change is None else [f"{change[0]:+.4f}", f"{change[1]:+.4f} to {change[2]:+.4f}"]
        cells += [f"{overall[name]:.1%}" for name in ("dirty_at_zero", "clean_marked")]
        lines.append("| " + " | ".join([*cells, f"{row['train_and_tune_seconds']:.0f}"]) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=200, help="Training pairs of the ablations.")
    parser.add_argument("--curve", type=int, nargs="*", default=[], help="Numbers of training pairs of the curve.")
    parser.add_argument("--only", nargs="*", help=f"Of {', '.join(VARIATIONS)}; base is always run.")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    config = RunConfig() if options.config is None else load_config(options.config)
    dataset = datasets.open_dataset(options.data)
    dev = dataset.select({"dev"}, usable_only=True)
    names = [n for n in VARIATIONS if n == "base" or options.only is None or n in options.only]
    rows, curve = [], []
    with Progress() as progress:
        base = None
        for name in names if options.pairs else []:
            title, change = VARIATIONS[name]
            chosen = subset(dataset, options.pairs, seed=config.seed)
            out = options.out / f"pairs-{options.pairs}"
            card, seconds = run(name, change(config), chosen, dev, out, workers=options.workers, progress=progress)
            rows.append(_row(title, card, base, seconds, seed=config.seed))
            base = base or card
        for pairs in options.curve:
            chosen = subset(dataset, pairs, seed=config.seed)
            out = options.out / f"pairs-{pairs}"
            card, seconds = run("base", config, chosen, dev, out, workers=options.workers, progress=progress)
            curve.append(_row(f"{pairs} training pairs", card, None, seconds, seed=config.seed))
    lines = []
    if rows:
        lines += [f"# Ablations: {options.pairs} training pairs, tuned out of fold, scored on dev", "", *_table(rows)]
    if curve:
        lines += [""] * bool(rows) + ["# Learning curve: tuned out of fold, scored on dev", "", *_table(curve)]
    files.write_text(options.out / "ablation.json", json.dumps({"ablations": rows, "curve": curve}, indent=1) + "\n")
    files.write_text(options.out / "ablation.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
