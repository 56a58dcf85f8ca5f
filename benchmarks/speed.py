"""How fast pixelgbm is beside what else would do the job: same input, same run, one core, medians.

    python benchmarks/speed.py --work WORK [--only filters --only trees ...] [--model MODEL]

Sections: filters (beside scikit-image), evidence (beside OpenCV), trees (beside LightGBM, lleaves, onnxruntime,
treelite), whole (a pair, beside ORB + OpenCV + LightGBM), network (beside a U-Net on torch and onnxruntime), growth
(with area and number of images). Contestants run in turn, `--rounds` times each, in one process held to one core;
lleaves has an environment in WORK and a process of its own, held to the same core. Answers are compared before anything
is timed. What is not installed is listed as absent. Each section replaces its own rows in speed.json and speed.md.
"""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from races import page
from races.clock import pin
from races.inputs import Setup

from pixelgbm.errors import PixelgbmError
from pixelgbm.machine import PACKAGES, machine

HERE = Path(__file__).parent
SECTIONS = ("filters", "evidence", "trees", "whole", "network", "growth")
PEERS = ("scikit-image", "torch", "onnxruntime", "treelite")


def run_section(name: str, setup: Setup) -> dict[str, Any]:
    """One section as it is kept in speed.json."""
    race = importlib.import_module(f"races.{name}")
    rows, notes = race.run(setup)
    described = machine((*PACKAGES, *PEERS)) | {"cores": os.cpu_count() or 1, "cores used": 1}
    return {"title": race.TITLE, "about": race.ABOUT, "machine": described, "rows": rows, "notes": notes}


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="grown boosters, lleaves' environment")
    parser.add_argument("--out", type=Path, default=HERE, help="where speed.json and speed.md are; beside the script")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="repeatable")
    parser.add_argument("--rounds", type=_from_one, default=9, help="runs of each contestant; at least 7 to publish")
    parser.add_argument("--model", type=Path, help='of profile "fast"; a small one is trained when left out')
    parser.add_argument("--largest", type=float, default=64.0, help="Mpixel, of the section growth")
    parser.add_argument("--images", type=int, default=10_000, help="at most, of the section growth")
    parser.add_argument("--core", type=int, help="held to this one; the last one allowed when left out")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def _from_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}; allowed: 1 or more")
    return number


def measure(options: argparse.Namespace) -> None:
    """Run the sections asked for, writing after each."""
    for folder in (options.work, options.out):
        folder.mkdir(parents=True, exist_ok=True)
    core = pin(options.core)
    names = ("work", "out", "rounds", "seed", "model", "largest", "images")
    setup = Setup(**{name: getattr(options, name) for name in names})
    for name in options.only or SECTIONS:
        section = run_section(name, setup)
        if core is None:
            section["notes"].append("This system cannot hold a process to one core.")
        document = page.merged(page.read(options.out / "speed.json"), name, section, SECTIONS)
        page.write(options.out, document)
        print(page.markdown({"sections": {name: section}}))


def main() -> None:
    """Measure, or say in one line why not."""
    try:
        measure(read_options())
    except PixelgbmError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
