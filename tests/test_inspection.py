"""Laws of inspection: what tuning was promised is what happens, whatever the workers, and bad files are skipped."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pixelgbm import datasets, training
from pixelgbm.calibration import Calibration, calibrated_map
from pixelgbm.inspection import inspect_into, inspect_many, inspect_pair
from pixelgbm.linking import fragments_of
from pixelgbm.mapping import byte_map
from pixelgbm.min_size import Measure, MinSize, sizes
from pixelgbm.model import Model, read_model, write_model
from pixelgbm.predictions import PredictionWriter, read_predictions
from pixelgbm.records import Dataset, Inspection, Pair
from tests.small_print import TINY, draw_contest, labelled

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return draw_contest(tmp_path_factory.mktemp("print"))


@pytest.fixture(scope="module")
def folder(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a rule that finds something in small print."""
    out = tmp_path_factory.mktemp("trained") / "model"
    model = training.train(data, TINY, out=out)
    head = model.heads[0]
    rule = replace(head.rule, region_cut=0.2, fill_holes=True)
    write_model(replace(model, heads=(replace(head, rule=rule),)), out)
    return out


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return read_model(folder)


def _all(model: Model, data: Dataset, **options: object) -> tuple[list[Inspection], dict[str, str]]:
    found: list[Inspection] = []
    failures: dict[str, str] = {}
    inspect_many(
        model,
        data,
        on_result=lambda inspection, seconds: found.append(inspection),
        on_failure=lambda id, reason: failures.update({id: reason}),
        **options,  # type: ignore[arg-type]
    )
    return found, failures


def _same(one: Inspection, two: Inspection) -> bool:
    planes = all(
        np.array_equal(getattr(one, kind)[head], getattr(two, kind)[head])
        for kind in ("masks", "probabilities")
        for head in one.masks
    )
    return planes and (one.id, one.regions, one.verdict) == (two.id, two.regions, two.verdict)


def test_the_answer_does_not_depend_on_the_workers(model: Model, data: Dataset) -> None:
    one, _ = _all(model, data, workers=1)
    three, _ = _all(model, data, workers=3)
    assert [i.id for i in one] == [s.id for s in data.samples]
    assert all(_same(a, b) for a, b in zip(one, three, strict=True))


def test_dirt_is_found_and_clean_sheets_are_accepted(model: Model, data: Dataset) -> None:
    found, _ = _all(model, data)
    hit = 0
    for inspection, sample in zip(found, data.samples, strict=True):
        truth = datasets.read_truth(data, sample, (64, 64))["dirt"] > 0
        assert inspection.verdict.accepted == (not inspection.regions) == (not inspection.masks["dirt"].any())
        hit += (inspection.masks["dirt"] & truth).any() == truth.any()
    assert hit >= 10


def test_regions_describe_the_mask(model: Model, data: Dataset) -> None:
    for inspection in _all(model, data)[0]:
        mask = inspection.masks["dirt"]
        assert sum(region.area for region in inspection.regions) == np.count_nonzero(mask)
        for region in inspection.regions:
            top, left, bottom, right = region.bbox
            assert mask[top:bottom, left:right].any()
            assert 0 <= region.score <= 1
            assert region.mean_probability <= region.max_probability


def test_decisions_are_made_on_bytes(model: Model) -> None:
    """A difference that the byte map cannot hold must not change a mask: tuning never saw it."""
    head = model.heads[0]
    low = replace(head.rule, region_cut=-1.0, min_area=0, fill_holes=False)
    model = replace(model, heads=(replace(head, rule=low, map_calibration=None),))
    pair = labelled(1).pair
    inspection = inspect_pair(model, pair)
    assert np.array_equal(inspection.masks["dirt"], byte_map(inspection.probabilities["dirt"]) >= low.low)


def test_calibration_of_the_map_decides_nothing(model: Model, data: Dataset) -> None:
    steep = Calibration((0.0, 0.5, 1.0), (0.2, 0.3, 0.9))
    raw, other = (
        replace(model, heads=(replace(model.heads[0], map_calibration=calibration),)) for calibration in (None, steep)
    )
    for before, own, after in zip(*(_all(one, data)[0] for one in (raw, model, other)), strict=True):
        for found, calibration in ((own, model.heads[0].map_calibration), (after, steep)):
            assert (found.regions, found.verdict) == (before.regions, before.verdict)
            assert np.array_equal(found.masks["dirt"], before.masks["dirt"])
            promised = calibrated_map(calibration, before.probabilities["dirt"])
            assert np.array_equal(found.probabilities["dirt"], promised)


def test_a_larger_minimum_size_only_removes_regions(model: Model, data: Dataset) -> None:
    pair = labelled(1).pair
    regions = inspect_pair(model, pair).regions
    assert regions
    biggest = max(region.area for region in regions)
    none = inspect_pair(model, pair, min_size=MinSize(biggest + 64 * 64, "area"))
    assert none.regions == ()
    assert none.verdict.accepted
    assert not none.masks["dirt"].any()


@pytest.mark.parametrize("measure", ["area", "length"])
@pytest.mark.parametrize("fill", [False, True])
def test_a_minimum_size_leaves_the_large_regions_and_their_pixels(model: Model, measure: Measure, fill: bool) -> None:
    head = model.heads[0]
    rule = replace(head.rule, region_cut=0.0, min_area=1, fill_holes=fill, low=26)
    model = replace(model, heads=(replace(head, rule=rule),))
    clean = labelled(0).pair
    test = clean.test.astype(np.int16)
    for row, col, height, width in ((8, 8, 6, 6), (10, 40, 12, 9), (40, 12, 4, 18), (45, 45, 9, 10)):
        test[row : row + height, col : col + width] -= 60
    pair = replace(clean, test=np.clip(test, 0, 255).astype(np.uint8))
    whole = inspect_pair(model, pair)
    fragments = fragments_of(whole.masks["dirt"])
    large = sizes(fragments, measure)
    least = float(np.median(large))
    assert large.min() < least
    found = inspect_pair(model, pair, min_size=MinSize(least, measure))
    expected = np.zeros_like(whole.masks["dirt"])
    for pixels in (fragments[k] for k in np.flatnonzero(large >= least)):
        expected[pixels[:, 0], pixels[:, 1]] = True
    np.testing.assert_array_equal(found.masks["dirt"], expected)
    assert sum(region.area for region in found.regions) == expected.sum()
    assert set(found.regions) < set(whole.regions)


def test_a_missing_reference_is_flagged_and_hiding_it_is_the_same(model: Model) -> None:
    pair = labelled(1).pair
    hidden = inspect_pair(model, pair, references="drop")
    missing = inspect_pair(model, Pair(pair.test))
    assert _same(hidden, missing)
    assert hidden.verdict.flags == ("no reference",)
    assert inspect_pair(model, pair).verdict.flags == ()


def test_a_reference_of_another_scene_is_flagged(model: Model) -> None:
    other = Pair(labelled(1).pair.test, labelled(2).pair.reference)
    assert "reference mismatch" in inspect_pair(model, other).verdict.flags


def test_notes_of_the_reader_reach_the_verdict(model: Model) -> None:
    pair = replace(labelled(1).pair, notes=("alpha channel dropped",))
    assert inspect_pair(model, pair).verdict.flags == ("alpha channel dropped",)


def test_ignored_pixels_are_never_marked(model: Model) -> None:
    pair = labelled(1).pair
    ignored = replace(pair, ignore=np.ones((64, 64), dtype=bool))
    found = inspect_pair(model, ignored)
    assert found.verdict.accepted
    assert not found.probabilities["dirt"].any()


def test_one_pixel_can_be_inspected(model: Model) -> None:
    found = inspect_pair(model, Pair(np.full((1, 1, 3), 200, dtype=np.uint8)))
    assert found.masks["dirt"].shape == (1, 1)


def test_a_bad_file_is_reported_and_the_rest_is_done(model: Model, tmp_path: Path) -> None:
    data = draw_contest(tmp_path, images=4)
    data.samples[1].image.write_bytes(b"")
    found, failures = _all(model, data, workers=2)
    assert [i.id for i in found] == [s.id for s in data.samples if s.id != data.samples[1].id]
    assert list(failures) == [data.samples[1].id]
    assert data.samples[1].image.name in failures[data.samples[1].id]


def test_a_folder_is_filled_and_its_failures_are_returned(model: Model, tmp_path: Path) -> None:
    data = draw_contest(tmp_path / "data", images=3)
    data.samples[2].image.write_bytes(b"")
    names = [s.id for s in data.samples]
    with PredictionWriter(
        tmp_path / "pred", model_digest=model.digest, data_digest="", layout=data.layout, ids=names, heads=["dirt"]
    ) as writer:
        failures = inspect_into(writer, model, data, workers=2)
    predictions = read_predictions(tmp_path / "pred")
    assert set(failures) == set(predictions.failures) == {names[2]}
    expected, _ = _all(model, data)
    assert np.array_equal(predictions.mask(names[1], "dirt"), expected[1].masks["dirt"])


def test_prediction_imports_no_more_than_it_needs(folder: Path, data: Dataset) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pixelgbm.model import read_model\n"
        "from pixelgbm.datasets import open_dataset\n"
        "from pixelgbm.inspection import inspect_many\n"
        "data = open_dataset(Path(sys.argv[2])).select({'train'})\n"
        "found = []\n"
        "inspect_many(read_model(Path(sys.argv[1])), data, data.samples[:1], workers=2,\n"
        "             on_result=lambda i, s: found.append(i), on_failure=print)\n"
        "assert len(found) == 1\n"
        "heavy = {'lightgbm', 'optuna', 'skimage', 'matplotlib', 'polars', 'scipy.optimize'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(data.root)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
