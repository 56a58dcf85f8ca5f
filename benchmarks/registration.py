"""How far registration stays from the truth, in pixels, per level of drawn pairs whose warp is known exactly.

    python benchmarks/registration.py --pairs 30 --seed 5

Each pair is drawn as `pixelgbm synth` draws it (screens, two shots, local warps), so the place of every pixel on the
sheet is known for both shots. The residual of a pixel is the distance between the sheet point it shows and the sheet
point that registration reads for it from the reference. Writes registration.json and registration.md beside itself.
"""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

import cv2
import numpy as np

from features import register
from pixelgbm import files
from pixelgbm.synth import capture, pairs

HERE = Path(__file__).parent
BORDER = 12


def residuals(job: pairs.Job) -> tuple[np.ndarray, np.ndarray, str]:
    """Per pixel the distance before (centre on centre) and after registration, and the status."""
    rng = pairs.generator(job.seed, "registration benchmark", job.level, job.index)
    printed = pairs._print(rng, job)
    views = []
    for still, size in ((False, pairs.IMAGE), (True, pairs.REFERENCE)):
        pose = capture.make_pose(rng, still=still)
        camera = capture.make_camera(rng, exposure=0.6, noise=1.5, mosaic=0.5)
        where = np.stack(capture._look(copy.deepcopy(rng), size, pose))  # expose() draws the same local warp first
        views.append(
            (capture.develop(rng, capture.expose(rng, printed, size, pose=pose, camera=camera), camera), where)
        )
    (test, where_test), (reference, where_reference) = views
    found = register(test, reference)
    offset = (pairs.REFERENCE - pairs.IMAGE) / 2
    r, c = np.mgrid[0 : pairs.IMAGE, 0 : pairs.IMAGE].astype(np.float32) + np.float32(offset)
    gaps = []
    for rows, cols in ((r, c), (found.field[0], found.field[1])):
        seen = np.stack(
            [cv2.remap(plane.astype(np.float32), cols, rows, cv2.INTER_LINEAR) for plane in where_reference]
        )
        gap = np.hypot(*(seen - where_test))
        gaps.append(gap[BORDER:-BORDER, BORDER:-BORDER])
    return gaps[0], gaps[1], found.quality.status


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30, help="pairs per level")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    jobs = pairs.plan({"dev": 6 * options.pairs}, clean_share=1.0, seed=options.seed)
    table = []
    for level in (1, 2, 3):
        before, after, statuses = [], [], []
        for job in [j for j in jobs if j.level == level and not j.wrong][: options.pairs]:
            raw, registered, status = residuals(job)
            before.append(float(np.median(raw)))
            after.append(float(np.median(registered)))
            statuses.append(status)
        table.append(
            {
                "level": level,
                "pairs": len(after),
                "before": round(float(np.median(before)), 3),
                "median": round(float(np.median(after)), 3),
                "p90": round(float(np.quantile(after, 0.9)), 3),
                "aligned": statuses.count("aligned"),
                "no_shift": statuses.count("no-shift"),
                "mismatch": statuses.count("mismatch"),
            }
        )
        print(table[-1])
    text = json.dumps({"command": f"--pairs {options.pairs} --seed {options.seed}", "levels": table}, indent=1)
    files.write_text(HERE / "registration.json", text + "\n")
    lines = ["| level | pairs | centred, px | registered, px | 90th percentile, px | aligned / no shift / mismatch |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [
        f"| {t['level']} | {t['pairs']} | {t['before']} | {t['median']} | {t['p90']} | "
        f"{t['aligned']} / {t['no_shift']} / {t['mismatch']} |"
        for t in table
    ]
    files.write_text(HERE / "registration.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
