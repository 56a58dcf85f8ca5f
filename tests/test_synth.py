import csv
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pixelgbm import datasets, formats, images, synth
from pixelgbm.errors import ConfigError, OutputError
from pixelgbm.synth import assets, dirt, pairs
from pixelgbm.synth.fields import generator

COUNTS = {"train": 14, "dev": 6, "test": 6}
SPLITS = tuple(COUNTS)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def records(root: Path) -> list[dict[str, str]]:
    with (root / "truth" / "pairs.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("synth") / "made"
    assert not synth.make(out, **COUNTS, seed=4).reused
    return out


def test_the_number_of_workers_never_changes_a_byte(made, tmp_path):
    synth.make(tmp_path / "again", **COUNTS, seed=4, workers=2)
    assert digests(tmp_path / "again") == digests(made)


def test_another_seed_is_another_set(made, tmp_path):
    synth.make(tmp_path / "other", train=2, dev=0, test=0, seed=5)
    pictures = [
        {digest for name, digest in digests(root).items() if name.endswith(".tif") and "mask" not in name}
        for root in (tmp_path / "other", made)
    ]
    assert len(pictures[0]) == 4
    assert not pictures[0] & pictures[1]


def test_files_have_the_sizes_of_the_contest(made):
    for row in records(made):
        folder = f"{row['split']}/level-{row['level']}"
        assert images.read_image(made / folder / f"{row['id']}.tif")[0].shape == (390, 390, 3)
        assert images.read_image(made / folder / f"{row['id']}_ref.tif")[0].shape == (500, 500, 3)


def test_text_mask_equals_picture_mask_equals_record(made):
    for row in records(made):
        folder = made / ("truth" if row["split"] == "test" else "") / row["split"] / f"level-{row['level']}"
        mask = images.read_gray(folder / f"{row['id']}_mask.tif")
        text = (folder / f"{row['id']}_mask.txt").read_text()
        assert set(np.unique(mask)) <= {0, 255}
        assert "\n" not in text
        assert np.array_equal(formats.decode_mask_text(text, (390, 390), where="text") * 255, mask)
        assert np.count_nonzero(mask) == int(row["dirt_pixels"])
        assert (row["pattern"] == "") == (int(row["dirt_pixels"]) == 0)


def test_test_truth_is_sealed(made):
    assert not list((made / "test").rglob("*mask*"))
    assert len(list((made / "truth" / "test").rglob("*_mask.txt"))) == COUNTS["test"]
    assert not (made / "manifest.csv").exists()


def test_the_set_opens_as_the_contest_layout(made):
    dataset = datasets.open_dataset(made)
    assert dataset.layout == "konica-minolta"
    assert len(dataset.samples) == sum(COUNTS.values())


def test_numbers_are_unique_and_shuffled(made):
    numbers = [int(row["id"]) for row in records(made)]
    assert sorted(numbers) == list(range(1, sum(COUNTS.values()) + 1))
    in_train = [int(row["id"]) for row in records(made) if row["split"] == "train"]
    assert max(in_train) > COUNTS["train"]


def test_the_same_set_is_reused_and_anything_else_is_left_alone(made, tmp_path):
    before = digests(made)
    assert synth.make(made, **COUNTS, seed=4, workers=2).reused
    with pytest.raises(OutputError, match="holds another synthetic set already"):
        synth.make(made, **COUNTS, seed=5)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds other files already"):
        synth.make(tmp_path / "mine", **COUNTS)
    assert digests(made) == before
    assert digests(tmp_path / "mine").keys() == {"thesis.txt"}


def test_a_file_in_the_place_of_the_set_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="is a file"):
        synth.make(tmp_path / "out", train=1, dev=0, test=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "poems"}, "unknown task 'poems'; known: pairs"),
        ({"train": -1}, "train=-1, allowed are 0 to 1000000"),
        ({"test": 10**9}, "test=1000000000, allowed"),
        ({"train": 0, "dev": 0, "test": 0}, "at least one of the pairs"),
        ({"clean_share": 1.2}, "clean_share=1.2, allowed are 0 to 1"),
        ({"clean_share": float("nan")}, "clean_share=nan"),
        ({"seed": -3}, "seed=-3"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message) as caught:
        synth.make(tmp_path / "out", **arguments)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_failure_midway_leaves_nothing(tmp_path, monkeypatch):
    def broken(out, job):
        raise OutputError(f"{out}: No space left on device")

    monkeypatch.setattr(pairs, "write_pair", broken)
    with pytest.raises(OutputError, match="No space left"):
        synth.make(tmp_path / "out", train=3, dev=0, test=0)
    assert not list(tmp_path.iterdir())


def test_progress_counts_every_pair(tmp_path):
    seen = []
    synth.make(
        tmp_path / "out",
        train=3,
        dev=0,
        test=0,
        workers=2,
        progress=lambda done, total, label: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_recipe_is_kept_beside_the_truth(made):
    recipe = json.loads((made / "truth" / "synth.json").read_text())
    assert recipe["synth_version"] == synth.SYNTH_VERSION
    assert recipe["seed"] == 4
    assert not {"workers", "time", "host"} & recipe.keys()


# ---------------------------------------------------------------------------------------- the plan


def test_levels_clean_shares_and_wrong_references_are_exact():
    jobs = pairs.plan({"train": 1000, "dev": 0, "test": 400}, clean_share=None, seed=1)
    for split, count in (("train", 1000), ("test", 400)):
        mine = [job for job in jobs if job.split == split]
        assert sum(job.wrong for job in mine) == count // 100
        for level, share in pairs.CLEAN_SHARES.items():
            at_level = [job for job in mine if job.level == level]
            clean = sum(job.pattern is None for job in at_level)
            assert abs(clean - share * len(at_level)) <= 0.5


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_clean_share_of_none_or_all(share):
    jobs = pairs.plan({"train": 30, "dev": 5, "test": 5}, clean_share=share, seed=1)
    assert {job.pattern is None for job in jobs} == {bool(share)}


def test_patterns_faces_and_photographs_never_cross_splits():
    jobs = [
        job
        for seed in (0, 1)
        for job in pairs.plan({"train": 500, "dev": 200, "test": 200}, clean_share=None, seed=seed)
    ]
    for what in ("pattern", "source"):
        used = {split: {getattr(job, what) for job in jobs if job.split == split} - {None, ""} for split in SPLITS}
        assert all(used.values())
        assert not used["train"] & used["dev"]
        assert not used["train"] & used["test"]
        assert not used["dev"] & used["test"]


def test_no_family_of_faces_is_split():
    families = {split: {name.split("-")[0].split(".")[0] for name in assets.FACES[split]} for split in SPLITS}
    assert not families["train"] & families["test"]
    assert not families["train"] & families["dev"]


def test_assets_lie_inside_the_installed_wheels(monkeypatch):
    assets.check_assets()
    monkeypatch.setitem(assets.PHOTOGRAPHS, "dev", ("holiday.png",))
    with pytest.raises(ConfigError, match=r"holiday\.png: missing from the installed package"):
        assets.check_assets()


@pytest.mark.parametrize("name", [name for names in assets.FACES.values() for name in names])
def test_every_face_draws_letters_and_digits(name):
    face = assets.face(name, 40)
    shapes = {bytes(face.getmask(character)) for character in "AaBbgQxyz0123456789"}
    assert len(shapes) == 19


# ---------------------------------------------------------------------------------------- dirt


def test_wrong_references_are_listed_and_show_another_sheet():
    likeness = []
    for wrong in (False, True):
        job = pairs.Job(1, 2, "train", 2, 0, None, "cmr10.ttf", wrong)
        image, reference, _, record = pairs.draw_pair(job)
        assert record.wrong_reference == wrong
        middle = reference[55:445, 55:445]
        likeness.append(abs(np.corrcoef(image[..., 1].ravel(), middle[..., 1].ravel())[0, 1]))
    assert likeness[0] > likeness[1] + 0.3


def test_excluded_names_the_wrong_pairs(tmp_path, made, monkeypatch):
    assert (made / "excluded.txt").read_text() == ""
    monkeypatch.setattr(pairs, "_WRONG_SHARE", 0.25)
    found = synth.make(tmp_path / "out", train=4, dev=0, test=0, workers=2)
    wrong = [row["id"] for row in records(tmp_path / "out") if row["wrong_reference"] == "1"]
    assert (tmp_path / "out" / "excluded.txt").read_text().split() == wrong == list(found.excluded)
    assert len(wrong) == 1


def test_the_bank_has_the_sizes_of_real_dirt():
    rng = generator("test of the bank")
    for split in ("train", "test"):
        areas = np.array([dirt.place(dirt.pattern(n), rng, 390)[1].sum() for n in dirt.PATTERNS[split]])
        assert 330 < areas.mean() < 420
        assert 110 < np.median(areas) < 180
        assert areas.min() >= 4
        assert areas.max() <= 0.0173 * 390 * 390


def test_the_bank_is_large_varied_and_shared_sixty_twenty_twenty():
    sizes = [len(dirt.PATTERNS[split]) for split in SPLITS]
    assert sum(sizes) >= 300
    assert [size / sum(sizes) for size in sizes] == pytest.approx([0.6, 0.2, 0.2])
    numbers = [n for split in SPLITS for n in dirt.PATTERNS[split]]
    assert len(set(numbers)) == len(numbers)
    assert len({dirt.pattern(n).kind for n in dirt.PATTERNS["test"]}) == 7


def test_a_pattern_keeps_its_area_wherever_it_lies():
    rng = generator("test of places")
    found = next(dirt.pattern(n) for n in dirt.PATTERNS["dev"] if dirt.pattern(n).kind == "stain")
    areas = [np.count_nonzero(dirt.place(found, rng, 390)[1]) for _ in range(6)]
    assert max(areas) - min(areas) <= 0.1 * max(areas)


def test_dirt_can_be_seen(made):
    levels = [float(row["dirt_levels"]) for row in records(made) if row["pattern"]]
    assert min(levels) > 4


def test_clean_and_dirty_twins_differ_only_around_the_dirt():
    (dirty, reference, mask, record), (clean, same, empty, _) = (
        pairs.draw_pair(pairs.Job(1, 9, "train", 1, 3, pattern, "", False)) for pattern in (17, None)
    )
    assert np.array_equal(reference, same)
    assert not empty.any()
    around = cv2.dilate(mask.astype(np.uint8), np.ones((61, 61), np.uint8)) > 0
    assert np.array_equal(dirty[~around], clean[~around])
    change = np.abs(dirty.astype(int) - clean)[mask].mean(axis=0).max()
    assert change == pytest.approx(record.dirt_levels, rel=0.35)
