"""MkDocs hook: the few figures to read first, each from a JSON file of benchmarks/; README shows the same table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PLACE = "<!-- figures -->"
FOLDER = Path(__file__).parents[2] / "benchmarks"

Found = Mapping[str, Any]
Row = tuple[str, str, str]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for every page; only the one with the place is changed."""
    return markdown.replace(PLACE, "\n".join(lines(FOLDER))) if PLACE in markdown else markdown


def lines(folder: Path) -> Iterator[str]:
    """Markdown: one table of what was measured, the figure, and the command that measured it."""
    parts = {"demo": _demo, "synth_difficulty": _difficulty, "registration": _registration, "speed": _speed}
    yield "| measured | figure | by |"
    yield "|---|---|---|"
    for name, rows in parts.items():
        found = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        yield from (f"| {what} | {figure} | `{command}` |" for what, figure, command in rows(found))


def _demo(card: Found) -> Iterator[Row]:
    overall, command = card["overall"], "bash run_all.sh"
    yield (
        f"macro-F1 of {overall['images']} drawn test pairs, with its 95 % interval",
        f"**{_scored(overall)}**; marking nothing gets {overall['all_clean']:.3f}",
        command,
    )
    blind = card["without_references"]
    if blind is not None and blind["overall"] is not None:
        yield "the same pairs without their references", _scored(blind["overall"]), command


def _scored(figures: Found) -> str:
    low, high = figures["interval"]
    return f"{figures['score_mean']:.3f} ({low:.3f} to {high:.3f})"


def _difficulty(found: Found) -> Iterator[Row]:
    options = " ".join(f"--{name} {found[name]}" for name in ("train", "test", "seed"))
    name, best = max(found["methods"].items(), key=lambda item: item[1]["macro_f1"])
    yield (
        f"macro-F1 without learning, on {found['test']} other drawn pairs: the better of two differences ({name})",
        f"{best['macro_f1']:.3f} +- {best['standard_error']:.3f}",
        f"python benchmarks/synth_difficulty.py {options}",
    )


def _registration(found: Found) -> Iterator[Row]:
    command = f"python benchmarks/registration.py {found['command']}"
    levels = found["levels"]
    before, after = (" / ".join(f"{row[name]:.2f}" for row in levels) for name in ("before", "median"))
    yield (
        f"registration: median distance to the true place, levels {' / '.join(str(row['level']) for row in levels)}",
        f"**{after} px**; centre on centre {before} px",
        command,
    )
    right = [row for row in found["references"] if row["kind"].endswith(", true")]
    wrong = [row for row in found["references"] if row not in right]
    others = sorted(
        {row["kind"].partition(",")[0] for row in found["references"] if not row["kind"].startswith("synth")}
    )
    used, noticed = sum(row["pairs"] - row["mismatch"] for row in right), sum(row["mismatch"] for row in wrong)
    yield (
        "right references used, and wrong ones noticed, on drawn and photographed pairs",
        f"{used} of {sum(row['pairs'] for row in right)}, {noticed} of {sum(row['pairs'] for row in wrong)}",
        " ".join([command, *(f"--data {name}=FOLDER" for name in others)]),
    )


def _speed(found: Found) -> Iterator[Row]:
    races = {
        "whole": ("a pair of 390x390, from files to mask", "obvious build", "ORB, OpenCV and LightGBM"),
        "network": ("one image of 256x1248", "U-Net, onnxruntime", "a small U-Net, onnxruntime"),
        "evidence": ("evidence of a pair, the columns that OpenCV can make", "OpenCV and numpy", "OpenCV"),
        "trees": ("200 trees on every pixel of a pair", "lightgbm Booster.predict", "LightGBM"),
        "filters": ("16 filters of a plane", "scikit-image, the same windows (3 sigma)", "scikit-image"),
    }
    for section, (what, peer, called) in races.items():
        rows = {row["name"]: row for row in found["sections"][section]["rows"]}
        ours = next(iter(rows.values()))
        yield (
            f"{what}, one core",
            f"**{ours['median_ms']:.3g} ms**; {called} {rows[peer]['median_ms']:.3g} ms",
            f"python benchmarks/speed.py --work WORK --only {section}",
        )
