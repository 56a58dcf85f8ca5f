"""The layout `textured-surfaces`: train/defect_images, train/defect_masks, train/normal_images, test/images.

Normal images are known to be clean; every defect image has a mask, in which any positive value is a
defect. The answer is a table `ImageId, answer`: 1 where anything is marked in an image, else 0. Its
order, and how it names images, is that of test/sample_submission.csv.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, images
from pixelgbm.datasets import folders
from pixelgbm.datasets.answers import in_sample_order, read_flawless, write_rows
from pixelgbm.datasets.folders import HEAD
from pixelgbm.datasets.layout import Answer, Labelled, Layout, Masks, make_pair, why_not_an_id
from pixelgbm.datasets.tables import Row, read_table, table_bytes
from pixelgbm.errors import DatasetError, SubmissionError
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["LAYOUT"]

_COLUMNS = ["ImageId", "answer"]
_SAMPLE = Path("test") / "sample_submission.csv"


def recognise(root: Path) -> bool:
    """Whether a folder holds train/defect_images or train/normal_images."""
    return any((root / "train" / name).is_dir() for name in ("defect_images", "normal_images"))


def read(root: Path, *, truth: Path | None = None) -> tuple[Dataset, list[str]]:
    """The defect images, the normal ones, then test/images in the order of the sample; every problem."""
    problems: list[str] = []
    train = root / "train"
    defect, normal = (folders.list_images(train / name, problems) for name in ("defect_images", "normal_images"))
    masks = folders.match_masks(defect, folders.list_images(train / "defect_masks", problems), problems, by_number=True)
    samples = []
    for path, id in zip([*defect, *normal], folders.identifiers(root, [*defect, *normal], problems), strict=True):
        if path.parent.name == "normal_images":
            samples.append(Sample(id, "train", path, labelled_heads=(HEAD,)))
        elif path in masks:
            samples.append(Sample(id, "train", path, masks={HEAD: (masks[path],)}, labelled_heads=(HEAD,)))
        else:
            problems.append(f"{path}: no mask; train/defect_masks must hold one of its name or number")
            samples.append(Sample(id, "train", path))
    tests = _test_images(root, problems)
    for id in tests.keys() & {sample.id for sample in samples}:
        problems.append(f"{tests[id]}: identifier {id} a second time; every identifier is used once")
    samples += [Sample(id, "test", path) for id, path in tests.items()]
    if truth is not None:
        samples = folders.add_sealed_masks(truth, samples, problems)
    return folders.finish(root, LAYOUT.name, LAYOUT.metric, (HEAD,), samples, problems)


def read_truth(sample: Sample, shape: tuple[int, int]) -> Truth:
    """The plane, 0 or 255. Raises DatasetError for a mask of another size, or one in train/ that marks nothing."""
    if sample.split == "train":
        return folders.read_filled_masks(sample, shape, folder="train/defect_images")
    return folders.read_masks(sample, shape)


def write(root: Path, labelled: Iterable[Labelled], *, sealed: Path | None = None) -> None:
    """Write train/, test/images and its sample of an answer; sealed masks go to SEALED/test. Raises OutputError."""
    rows: list[Row] = []
    for item in labelled:
        mask = folders.only_head(item, LAYOUT.name)
        if item.split == "test":
            images.write_png(root / "test" / "images" / f"{item.id}.png", item.pair.test)
            rows.append({"ImageId": f"{item.id}.png", "answer": "0"})
            if mask is not None:
                if sealed is None or not item.sealed:
                    raise DatasetError(f"{item.id}: in this layout the truth of the split test is sealed, elsewhere")
                images.write_png(sealed / "test" / f"{item.id}.png", mask)
        elif item.split == "train" and mask is not None and not item.sealed:
            kind = "defect" if mask.any() else "normal"
            images.write_png(root / "train" / f"{kind}_images" / f"{item.id}.png", item.pair.test)
            if mask.any():
                images.write_png(root / "train" / "defect_masks" / f"{item.id}.png", mask)
        else:
            raise DatasetError(f"{item.id}: this layout has a place for labelled train images and for test images")
    if rows:
        files.write_bytes(root / _SAMPLE, table_bytes(_COLUMNS, rows))


def write_answer(masks: Iterable[tuple[str, Masks]], out: Path, *, data: Path | None = None) -> None:
    """Write `ImageId,answer` in the order given: 1 where anything is marked. Raises SubmissionError, OutputError.

    `data` changes nothing: samples have one form.
    """

    def rows_of(id: str, heads: Masks) -> list[Row]:
        return [{"ImageId": id, "answer": str(int(any(mask.any() for mask in heads.values())))}]

    write_rows(masks, out, _COLUMNS, rows_of)


def read_answer(path: Path) -> Answer:
    """Open an answer: its verdicts. Raises SubmissionError for other columns, values other than 0 and 1, doubles."""
    verdicts = {id: is_defect for id, (_, is_defect) in read_flawless(path, _answers).items()}

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        raise SubmissionError(
            f"{path}: says 0 or 1 of image {id}, not which pixels; pixels are scored from a PRED folder"
        )

    return Answer(path, LAYOUT.name, frozenset(verdicts), read, verdicts)


def _answers(path: Path, problems: list[str]) -> dict[str, tuple[int, bool]]:
    """{ImageId: (its row, whether it has a defect)} of a table `ImageId, answer`, in its order."""
    columns, rows = read_table(path)
    if columns != _COLUMNS:
        raise DatasetError(f"{path}: columns {', '.join(columns)}; allowed are {', '.join(_COLUMNS)}")
    found: dict[str, tuple[int, bool]] = {}
    for number, row in enumerate(rows, start=1):
        id, answer = row["ImageId"], row["answer"]
        if why := why_not_an_id(id):
            problems.append(f"{path}: row {number}: ImageId {id!r} {why}")
        if id in found:
            problems.append(f"{path}: row {number}: ImageId {id!r} a second time; allowed is each once")
        if answer not in ("0", "1"):
            problems.append(f"{path}: row {number}: answer {answer!r}; allowed are 0 (normal) and 1 (defect)")
        found.setdefault(id, (number, answer == "1"))
    return found


def _test_images(root: Path, problems: list[str]) -> dict[str, Path]:
    """The images of test/images by identifier, named and ordered as the sample of an answer does."""
    pictures = folders.list_images(root / "test" / "images", problems)
    table = root / _SAMPLE
    if not table.is_file():
        return dict(zip(folders.identifiers(root, pictures, problems), pictures, strict=True))
    named = {path.name: path for path in pictures} | {path.stem: path for path in pictures}
    rows = {id: number for id, (number, _) in _answers(table, problems).items()}
    return in_sample_order(table, rows, named, problems)


LAYOUT = Layout(
    name="textured-surfaces",
    looks="folders train/defect_images or train/normal_images",
    metric="verdict-f1",
    recognise=recognise,
    read=read,
    read_pair=make_pair,
    read_truth=read_truth,
    write=write,
    write_answer=write_answer,
    read_answer=read_answer,
)
