"""Our predictions beside the peers that a user would otherwise pick: same splits, same scoring, paired intervals.

    python benchmarks/accuracy.py DATA --work WORK --ours pixelgbm=PRED [--split dev]
    python benchmarks/accuracy.py DATA --work WORK --ours pixelgbm=CROSSVAL --leave-one-group-out

Peers learn from the split `train` and are tuned on `dev` (those without learning on both), or on held-out groups of
train where there is no dev; with --leave-one-group-out
or --folds every image is answered by a peer that has not seen its group, neither to learn nor to tune. One forest, and
one U-Net, serves all heads where every image is labelled for all of them. What is done is kept in WORK: pairs/,
PEER/fitted.json, PEER/rules-METRIC.json, PEER/SPLIT/maps/ and masks-METRIC/. A second run goes on from there, a stopped
U-Net included; with another --metric it searches rules for that and cuts the maps that are kept.
Writes accuracy-SPLIT.json, accuracy-SPLIT.md and, never for `test`, worst-SPLIT.png. Every scoring of the split `test`
adds a line to test-openings.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from peers import PEERS, pairs, sheet
from peers.answers import Effort, all_clean, our_predictions, ours_method, peer_method, run_peer
from peers.figures import Draws, Method, row_of, table_of
from peers.plan import CROSSVAL, Plan, plan_folds, plan_splits

from pixelgbm import datasets, files, images
from pixelgbm.errors import ConfigError, PixelgbmError
from pixelgbm.metrics import METRICS
from pixelgbm.predictions import Predictions
from pixelgbm.records import Dataset

HERE = Path(__file__).parent
WORST = 20


def reasons(ours: Method, folders: Sequence[Path], plan: Plan, work: Path) -> tuple[dict[str, int], list[sheet.Row]]:
    """How often each reason is met, and the rows of the worst images, from the worst on."""
    predicted = our_predictions(folders)
    counts = dict.fromkeys(sheet.REASONS, 0)
    samples = {sample.id: sample for sample in plan.answered}
    told: list[tuple[float, int, str, str, str]] = []
    for row in ours.card.per_image:
        item = pairs.Item(plan.dataset, samples[row.id], (row.head,), work / "pairs" / f"{row.id}.npz")
        found = _row(item, predicted[row.id], row.score)
        counts[found.reason] += 1
        told.append((row.score, -(row.predicted + (row.actual or 0)), row.id, row.head, found.reason))
    worst = sorted(told)[:WORST]
    items = pairs.items_of(plan.dataset, [samples[id] for _, _, id, _, _ in worst], heads=(), work=work)
    rows = [
        _row(replace(item, heads=(head,)), predicted[id], f1)
        for item, (f1, _, id, head, _) in zip(items, worst, strict=True)
    ]
    return counts, rows


def _row(item: pairs.Item, predicted: Predictions, f1: float) -> sheet.Row:
    head = item.heads[0] if item.heads[0] in predicted.heads else predicted.heads[0]
    view, counted = item.view(), ~item.ignore()
    truth, found = item.truth()[..., 0] & counted, predicted.mask(item.id, head) & counted
    contrast = sheet.contrast(view, truth)
    score = predicted.probability(item.id, head) if predicted.has_probabilities else None
    why = sheet.reason(truth, found, contrast, f1)
    return sheet.Row(item.id, item.sample.level, f1, why, contrast, view, truth, found, score)


def compare(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run, score, write; returns the rows of the table."""
    dataset = _opened(options)
    if options.leave_one_group_out or options.folds:
        folds = None if options.leave_one_group_out else options.folds
        plan = plan_folds(dataset, folds=folds, seed=options.seed, workers=options.workers)
    else:
        plan = plan_splits(dataset, options.split, workers=options.workers)
    effort = Effort(options.work, options.seed, options.workers, options.unet_minutes)
    pairs.prepare(plan.dataset, work=options.work, workers=options.workers)
    notes, ready = [], []
    for peer in PEERS:
        if options.only and peer.name not in options.only:
            continue
        if missing := peer.lacks():
            notes.append(f"{peer.title}: not run, {missing} is not installed (the extra `benchmarks` has it).")
        elif peer.needs_reference and all(s.reference is None for s in plan.answered):
            notes.append(f"{peer.title}: not run, these images have no references.")
        else:
            if options.again:
                shutil.rmtree(options.work / peer.name, ignore_errors=True)
            run_peer(peer, plan, effort)
            ready.append(peer)
    scored = plan.dataset
    if plan.split != CROSSVAL:
        scored = _opened(options, truth=options.truth).select({options.split}, usable_only=True)
    draws = Draws(options.seed, options.resamples)
    ours = [
        ours_method(name, folders, plan, scored, draws, cost=options.costs.get(name, (None, None)))
        for name, folders in options.ours.items()
    ]
    methods = [*ours, all_clean(plan, scored, draws)]
    methods += [peer_method(peer, plan, scored, effort, draws) for peer in ready]
    rows = [row_of(method, ours[0] if ours else None, draws) for method in methods]
    earlier: dict[str, Any] = {}
    if options.beside:
        expected = {"split": plan.split, "lots": len(plan.lots), "images": len(plan.answered), "metric": dataset.metric}
        earlier = read_earlier(options.beside, expected)
        known = [row["method"] for row in earlier["methods"]]
        rows = [*earlier["methods"], *(row for row in rows if row["method"] not in known)]
        notes.append(
            f"{', '.join(known)}: of an earlier run on the same lots, without its masks, so not paired with others."
        )
    result: dict[str, Any] = {"data": options.data_name, "split": plan.split, "images": len(plan.answered)}
    result |= {"metric": dataset.metric}
    result |= {"seed": options.seed, "unet_minutes": options.unet_minutes, "lots": len(plan.lots), "methods": rows}
    if plan.split == "test":
        for method in ours or methods[1:]:
            _note_opening(method, len(ready), options)
    elif ours:
        result["reasons"], worst = reasons(ours[0], next(iter(options.ours.values())), plan, options.work)
        images.write_png(options.out / f"worst-{plan.split}.png", sheet.draw(worst))
    if counts := result.get("reasons") or earlier.get("reasons"):
        result["reasons"] = counts
        notes.append("Ours, most costly error: " + ", ".join(f"{name} {n}" for name, n in counts.items()) + ".")
    files.write_text(options.out / f"accuracy-{plan.split}.json", json.dumps(result, indent=1) + "\n")
    lines = [*_heading(plan, options, rows), "", *table_of(rows, metric=dataset.metric), "", *notes]
    files.write_text(options.out / f"accuracy-{plan.split}.md", "\n".join(lines).rstrip() + "\n")
    print("\n".join(lines))
    return rows


def read_earlier(path: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """An earlier table. Raises ConfigError when it is of other images, lots or another metric."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if (got := {name: found.get(name) for name in expected}) != expected:
        raise ConfigError(f"{path}: is of {got}, these rows are of {expected}")
    return found


def _opened(options: argparse.Namespace, *, truth: Path | None = None) -> Dataset:
    found = datasets.open_dataset(options.data, layout=options.layout, truth=truth)
    return replace(found, metric=options.metric or found.metric)


def _heading(plan: Plan, options: argparse.Namespace, rows: Sequence[dict[str, Any]]) -> list[str]:
    budget = f"; the U-Net has {options.unet_minutes:g} minutes of two cores, counted as processor time, for all of its"
    budget = f"{budget} trainings" if any(row["method"] == "U-Net" for row in rows) else ""
    count = len(plan.lots)
    if plan.split == CROSSVAL:
        how = f"Held-out groups in {count} folds{budget}."
    else:
        tuned = "dev" if plan.lots[0].dev else "held-out groups of train"
        how = f"Learnt from train, tuned on {tuned}{budget}."
    flattered = " The peers' rules were tuned on this split, which flatters them." if plan.split == "dev" else ""
    return [f"{options.data_name}, {plan.split}, {len(plan.answered)} images. {how}{flattered}"]


def _note_opening(method: Method, peers: int, options: argparse.Namespace) -> None:
    figures = method.card.overall
    if figures is None:
        raise ConfigError(f"{method.title}: nothing was scored")
    low, high = figures.interval
    marked = "-" if figures.clean_marked is None else f"{100 * figures.clean_marked:.1f} %"
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    what = f"{options.data_name}: {method.title} beside {peers} peers (`accuracy.py`)"
    cells = [day, what, options.commit, f"{figures.score_mean:.4f} ({low:.4f} to {high:.4f})", marked]
    files.append_line(options.openings, "| " + " | ".join(cells) + " |")


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
    return done.stdout.strip() or "-"


def _named(texts: Sequence[str], form: str) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise SystemExit(f"{text}: expected {form}")
        found.setdefault(name, []).append(value)
    return found


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="pairs, fitted peers and their masks")
    parser.add_argument("--out", type=Path, help="table, figures and sheet; WORK when left out")
    parser.add_argument("--ours", action="append", default=[], metavar="NAME=PRED", help="repeatable, the first counts")
    parser.add_argument("--ours-cost", action="append", default=[], metavar="NAME=SECONDS,MS", help="as measured")
    parser.add_argument("--beside", type=Path, metavar="JSON", help="table of an earlier run whose rows are kept")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--truth", type=Path, help="sealed tree of masks")
    parser.add_argument("--layout")
    parser.add_argument("--metric", choices=list(METRICS), help="the layout's when left out")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--leave-one-group-out", action="store_true")
    way.add_argument("--folds", type=int)
    names = [*(peer.name for peer in PEERS), "none"]
    parser.add_argument("--only", action="append", choices=names, help="repeatable; none: ours alone")
    parser.add_argument("--again", action="store_true", help="forget what the peers have done")
    parser.add_argument("--unet-minutes", type=float, default=42.0, help="of two cores, as processor time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=2000, help="for the intervals")
    parser.add_argument("--data-name", help="as the table calls it; the folder's name when left out")
    parser.add_argument("--commit", default=_commit(), help="of our model, for test-openings.md")
    parser.add_argument("--openings", type=Path, default=HERE / "test-openings.md", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.out = options.out or options.work
    options.data_name = options.data_name or options.data.resolve().name
    options.ours = {n: [Path(v) for v in vs] for n, vs in _named(options.ours, "NAME=PRED").items()}
    costs = _named(options.ours_cost, "NAME=SECONDS,MS")
    options.costs = {n: tuple(float(v) for v in vs[-1].split(",")) for n, vs in costs.items()}
    return options


def main() -> None:
    """Compare, or say in one line why not."""
    try:
        compare(read_options())
    except PixelgbmError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
