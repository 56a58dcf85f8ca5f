"""The layout `textured-surfaces`: train/defect_images, train/defect_masks, train/normal_images, test/images.

Normal images are known to be clean; every defect image has a mask, in which any positive value is a
defect. The answer is a table `ImageId, answer`: 1 where anything is marked in an image, else 0. Its
order, and how it names images, is that of test/sample_submission.csv.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files, images
from pixelgbm.datasets import folders
from pixelgbm.datasets.folders import HEAD
from pixelgbm.datasets.layout import Answer, Labelled, Layout, make_pair, refuse_contest_exclusions, why_not_an_id
from pixelgbm.datasets.tables import Row, read_table, table_bytes
from pixelgbm.errors import DatasetError, SubmissionError
from pixelgbm.records import Dataset, Sample, Truth

__all__ = ["LAYOUT"]

_COLUMNS = ["ImageId", "answer"]
_SAMPLE = Path("test") / "sample_submission.csv"


def recognise(root: Path) -> bool:
    """Whether a folder holds train/defect_images or train/normal_images."""
    return any((root / "train" / name).is_dir() for name in ("defect_images", "normal_images"))


def read(root: Path, *, truth: Path | None = None, contest_exclusions: bool = False) -> tuple[Dataset, list[str]]:
    """The defect images, the normal ones, then test/images in the order of the sample; every problem."""
    if contest_exclusions:
        refuse_contest_exclusions(root, LAYOUT.name)
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
    found = folders.read_masks(sample, shape)
    if sample.split == "train" and sample.masks and not found[HEAD].any():
        raise DatasetError(f"{sample.masks[HEAD][0]}: marks nothing, but its image lies in train/defect_images")
    return found


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


def write_answer(masks: Iterable[tuple[str, Mapping[str, NDArray[np.bool_]]]], out: Path) -> None:
    """Write `ImageId,answer` in the order given: 1 where anything is marked. Raises SubmissionError, OutputError."""
    rows: dict[str, Row] = {}
    for id, heads in masks:
        if id in rows:
            raise SubmissionError(f"{out}: identifier {id!r} a second time; allowed is each once")
        rows[id] = {"ImageId": id, "answer": str(int(any(mask.any() for mask in heads.values())))}
    if not rows:
        raise SubmissionError(f"{out}: no images to answer")
    files.write_bytes(out, table_bytes(_COLUMNS, list(rows.values())))


def read_answer(path: Path) -> Answer:
    """Open an answer: its verdicts. Raises SubmissionError for other columns, values other than 0 and 1, doubles."""
    problems: list[str] = []
    try:
        verdicts = _answers(path, problems)
    except DatasetError as error:
        raise SubmissionError(str(error)) from error
    if problems:
        raise SubmissionError(problems[0])

    def read(id: str, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        raise SubmissionError(
            f"{path}: says 0 or 1 of image {id}, not which pixels; pixels are scored from a PRED folder"
        )

    return Answer(path, LAYOUT.name, frozenset(verdicts), read, verdicts)


def _answers(path: Path, problems: list[str]) -> dict[str, bool]:
    """{ImageId: whether it has a defect} of a table `ImageId, answer`, in its order."""
    columns, rows = read_table(path)
    if columns != _COLUMNS:
        raise DatasetError(f"{path}: columns {', '.join(columns)}; allowed are {', '.join(_COLUMNS)}")
    found: dict[str, bool] = {}
    for number, row in enumerate(rows, start=1):
        id, answer = row["ImageId"], row["answer"]
        if why := why_not_an_id(id):
            problems.append(f"{path}: row {number}: ImageId {id!r} {why}")
        if id in found:
            problems.append(f"{path}: row {number}: ImageId {id!r} a second time; allowed is each once")
        if answer not in ("0", "1"):
            problems.append(f"{path}: row {number}: answer {answer!r}; allowed are 0 (normal) and 1 (defect)")
        found.setdefault(id, answer == "1")
    return found


def _test_images(root: Path, problems: list[str]) -> dict[str, Path]:
    """The images of test/images by identifier, named and ordered as the sample of an answer does."""
    pictures = folders.list_images(root / "test" / "images", problems)
    table = root / _SAMPLE
    if not table.is_file():
        return dict(zip(folders.identifiers(root, pictures, problems), pictures, strict=True))
    named = {path.name: path for path in pictures} | {path.stem: path for path in pictures}
    found: dict[str, Path] = {}
    for id in _answers(table, problems):
        if id not in named:
            problems.append(f"{table}: ImageId {id!r}; test/images holds no such image")
            continue
        found[id] = named[id]
    for path in sorted(set(pictures) - set(found.values())):
        problems.append(f"{path}: not in sample_submission.csv; allowed are its images")
    return found


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
