"""Manifests of public real data sets, so that every benchmark opens them as pixelgbm does.

usage: python benchmarks/manifests.py DATA_ROOT OUT [SET ...]

Each set is a folder of that name in DATA_ROOT: fgcd, bsdata, magnetic_tile, tunnel, neu_seg. OUT/SET
gets a manifest.csv that points at the images where they lie, and what has to be derived: masks,
halved frames (bsdata), a folder of the layout steel (neu_seg). Groups come from the set's own table,
else from the file name, else every image is one. Sets that are not there are named and passed over.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from pixelgbm import datasets, images
from pixelgbm.datasets import steel
from pixelgbm.datasets.manifest import CLEAN, write_table
from pixelgbm.errors import PixelgbmError
from pixelgbm.records import Pair

Row = dict[str, str]

STEEL_CLASSES = {1: "inclusion", 2: "patch", 3: "scratch"}


def fgcd(data: Path, out: Path) -> list[Row]:
    """Scenes under three lights; only what lies inside the region of evaluation is learnt and scored."""
    rows = []
    for line in _table(data):
        scene = line["scene"]
        ignore = out / "ignore" / f"{scene}.png"
        if not ignore.exists():
            images.write_png(ignore, images.read_gray(data / line["eval_roi"]) == 0)
        row = {"id": f"{scene}-{line['light']}", "group": scene, "object_id": scene, "view": line["light"]}
        files = {"image": data / line["real"], "reference": data / line["reference"], "mask": data / line["gt_mask"]}
        rows.append(row | {name: str(path) for name, path in files.items()} | {"ignore": str(ignore)})
    return rows


def bsdata(data: Path, out: Path) -> list[Row]:
    """Ball screws over time; the reference of a frame is the latest clean one of its place that is older.

    Soiling and drift grow with time: the latest of the three correlates by .02 to .06 more than the first. All is
    halved: pits are 10 to 100 px across in a megapixel, and in half the size nothing of them is lost.
    """
    rows = []
    for line in _table(data):
        stem, position = line["real_stem"], line["position"]
        older = [s for s in line["clean_reference_stems"].split(";") if s and _taken(s) < _taken(stem)]
        row = {"id": stem, "group": position, "object_id": position, "view": line["crop"], "mask": CLEAN}
        row["image"] = _halved(data / "images" / f"{stem}.jpg", out)
        if older:
            row["reference"] = _halved(data / "images" / f"{max(older, key=_taken)}.jpg", out)
        if line["kind"] == "defect":
            row["mask"] = _halved(data / "masks" / f"{stem}.png", out)
        rows.append(row)
    return rows


def _taken(stem: str) -> str:
    """The date and time in the name of a frame of bsdata, such as 200905041126 of 01_200905041126_277500_315."""
    return stem.split("_")[1]


def _halved(path: Path, out: Path) -> str:
    """Where a copy of half the size lies; each pixel is the mean of four, and a mask's the majority."""
    small = out / path.parent.name / f"{path.stem}.png"
    if not small.exists():
        mask = path.parent.name == "masks"
        plane = images.read_gray(path) if mask else images.read_image(path)[0]
        rows, cols = plane.shape[0] // 2, plane.shape[1] // 2
        mean = cv2.resize(plane, (cols, rows), interpolation=cv2.INTER_AREA)
        images.write_png(small, (mean >= 128) if mask else mean)
    return str(small)


def magnetic_tile(data: Path, out: Path) -> list[Row]:
    """Grey tiles of varied sizes; the kind of defect is kept as the level, `Free` is clean."""
    rows = []
    for line in _table(data):
        stem = line["stem"]
        mask = data / "masks" / f"{stem}.png"
        if not mask.exists() and line["class"] != "Free":
            raise SystemExit(f"{mask}: no such file, only images of the class Free have no mask")
        clean = line["class"] == "Free"
        row = {
            "id": stem,
            "image": str(data / "images" / f"{stem}.jpg"),
            "group": line["group"],
            "level": line["class"],
        }
        rows.append(row | {"mask": CLEAN if clean else str(mask)})
    return rows


def tunnel(data: Path, out: Path) -> list[Row]:
    """Concrete before (A) and after (B) repair; crops of one tile, numbered after its place, are one group."""
    rows = []
    for path in sorted((data / "A").glob("*.png")):
        tile = re.match(r"tile_\d+_\d+", path.stem)
        row = {"id": path.stem, "image": str(path), "group": tile[0] if tile else path.stem}
        rows.append(row | {"reference": str(data / "B" / path.name), "mask": str(data / "label" / path.name)})
    return rows


def neu_seg(data: Path, out: Path) -> list[Row]:
    """Rolled steel with three classes of defect, each a head; every image is labelled for all three.

    The masks are those that the layout `steel` reads from a train.csv of run-lengths, which it wrote before: so its
    writer and its reader are part of what is measured. That layout has four classes; here the fourth is never there.
    """
    table = {Path(line["image"]).stem: line for line in _table(data)}
    steel.write(out / "steel", (_labelled(data, id, line) for id, line in table.items()))
    found = datasets.open_dataset(out / "steel")
    rows = []
    for sample in found.samples:
        truth = datasets.read_truth(found, sample, images.image_size(sample.image))
        id = Path(sample.id).stem
        row = {"id": id, "image": str(sample.image), "group": table[id]["group"]}
        for value, name in STEEL_CLASSES.items():
            path = out / "masks" / name / f"{id}.png"
            if (plane := truth[str(value)]).any():
                images.write_png(path, plane)
            row[f"mask:{name}"] = str(path) if plane.any() else CLEAN
        rows.append(row)
    return rows


def _labelled(data: Path, id: str, line: Row) -> datasets.Labelled:
    labels = images.read_gray(data / "masks" / line["mask"])
    truth = {head: (labels == int(head)).astype(np.uint8) * np.uint8(255) for head in steel.HEADS}
    pixels, _ = images.read_image(data / "images" / line["image"])
    return datasets.Labelled(id, "train", Pair(pixels), truth)


SETS: dict[str, Callable[[Path, Path], list[Row]]] = {
    "fgcd": fgcd,
    "bsdata": bsdata,
    "magnetic_tile": magnetic_tile,
    "tunnel": tunnel,
    "neu_seg": neu_seg,
}


def write_manifest(name: str, data_root: Path, out: Path) -> Path:
    """Write OUT/NAME/manifest.csv for the set in DATA_ROOT/NAME; returns its folder."""
    folder = (out / name).resolve()
    write_table(folder / "manifest.csv", SETS[name]((data_root / name).resolve(), folder))
    return folder


def _table(data: Path) -> list[Row]:
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Write the manifests and say what each holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; all when left out")
    options = parser.parse_args()
    if unknown := [name for name in options.sets if name not in SETS]:
        parser.error(f"unknown set {unknown[0]!r}; known are {', '.join(SETS)}")
    for name in options.sets or SETS:
        if not (options.data_root / name).is_dir():
            print(f"{name}: not there")
            continue
        try:
            dataset = datasets.open_dataset(write_manifest(name, options.data_root, options.out))
        except PixelgbmError as error:
            raise SystemExit(str(error)) from error
        groups = len({sample.group or sample.id for sample in dataset.samples})
        print(f"{name}: {len(dataset.samples)} images, {groups} groups, heads {', '.join(dataset.heads)}")


if __name__ == "__main__":
    main()
