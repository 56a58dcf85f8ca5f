"""What every drawn task promises: bytes, truth that is there, and a folder that its layout reads back."""

import csv
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pixelgbm import datasets, formats, images, synth
from pixelgbm.__main__ import run
from pixelgbm.errors import ConfigError, OutputError
from pixelgbm.synth import annotators, reed, steel, straws, text, texture
from pixelgbm.synth.fields import generator
from pixelgbm.synth.flaws import Flaw, blot, lay, line
from pixelgbm.synth.planning import Deck

SETS = {
    "texture": {"task": "texture", "train": 10, "test": 6, "defects": 6},
    "straws": {"task": "straws", "train": 3, "dev": 1, "test": 1, "clean_share": 0.0, "annotators": 3},
    "steel": {"task": "steel", "train": 6, "test": 4},
    "text": {"task": "text", "train": 4, "dev": 2, "test": 4},
    "metal": {"task": "text", "train": 3, "dev": 0, "test": 3, "surface": "metal"},
}
HEADS = {
    "texture": ("defect",),
    "straws": ("crack", "discolouration", "fraying", "hole", "stain"),
    "steel": ("1", "2", "3", "4"),
    "text": ("defect",),
    "metal": ("defect",),
}
every_set = pytest.mark.parametrize("name", SETS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A function that draws a set once and gives its folder."""
    root, drawn = tmp_path_factory.mktemp("tasks"), {}

    def get(name: str) -> Path:
        if name not in drawn:
            drawn[name] = root / name
            assert not synth.make(drawn[name], **SETS[name], seed=6).reused
        return drawn[name]

    return get


def opened(out: Path):
    """The data set with its sealed truth, and {id: {head: plane}}."""
    dataset = datasets.open_dataset(out, truth=out / "truth")
    planes = {}
    for sample in dataset.samples:
        shape = datasets.read_pair(dataset, sample).test.shape
        planes[sample.id] = datasets.read_truth(dataset, sample, shape)
    return dataset, planes


def flaws_in(out: Path) -> list[dict[str, str]]:
    with (out / "truth" / "flaws.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


# ---- what holds of every task --------------------------------------------------------------------------------------


@every_set
def test_the_number_of_workers_never_changes_a_byte(made, tmp_path, name):
    synth.make(tmp_path / "again", **SETS[name], seed=6, workers=3)
    assert digests(tmp_path / "again") == digests(made(name))


@every_set
def test_another_seed_draws_other_images(made, tmp_path, name):
    synth.make(tmp_path / "other", **SETS[name], seed=7)
    pictures = [
        {digest for path, digest in digests(root).items() if path.endswith(".png") and "mask" not in path}
        for root in (tmp_path / "other", made(name))
    ]
    assert all(pictures)
    # Test masks of clean images are equal, wherever they come from.
    both = pictures[0] & pictures[1]
    assert len(both) <= 1


@every_set
def test_the_layout_reads_it_back_without_a_problem(made, name):
    out = made(name)
    dataset, problems = datasets.check_folder(out, truth=out / "truth")
    assert problems == []
    assert dataset.layout == synth.TASKS[SETS[name]["task"]].layout
    assert tuple(sorted(dataset.heads)) == HEADS[name]
    views = straws.VIEWS if name == "straws" else 1
    for split in ("train", "dev", "test"):
        assert sum(s.split == split for s in dataset.samples) == views * SETS[name].get(split, 0)


@every_set
def test_a_stated_flaw_is_marked_and_nothing_else_is(made, name):
    out = made(name)
    _, planes = opened(out)
    stated = {}
    for row in flaws_in(out):
        id = row["id"] if row["id"] in planes else f"{row['id']}.png"
        stated.setdefault((id, row["head"]), []).append(row)
        assert int(row["pixels"]) > 0
        assert float(row["levels"]) >= 2
    assert stated
    for id, heads in planes.items():
        for head, plane in heads.items():
            assert plane.any() == ((id, head) in stated), (id, head)


@every_set
def test_truth_of_the_split_test_is_sealed(made, name):
    out = made(name)
    dataset = datasets.open_dataset(out)
    assert not any(datasets.has_truth(dataset, s) for s in dataset.samples if s.split == "test")
    assert all(datasets.has_truth(dataset, s) for s in dataset.samples if s.split != "test")
    with_truth, _ = opened(out)
    assert all(s.labelled_heads for s in with_truth.samples)


@every_set
def test_the_recipe_is_kept_and_the_same_set_is_reused(made, name):
    out = made(name)
    recipe = json.loads((out / "truth" / "synth.json").read_text())
    assert recipe["task"] == SETS[name]["task"]
    assert "workers" not in recipe
    assert synth.make(out, **SETS[name], seed=6).reused
    with pytest.raises(OutputError, match="holds another synthetic set already"):
        synth.make(out, **SETS[name], seed=8)


@pytest.mark.parametrize(
    ("task", "flawed", "clean"),
    [
        *(
            (texture, texture.Job("a", 1, "train", 2, material, kind), texture.Job("a", 1, "train", 2, material, ""))
            for material, kind in (
                ("woven", "missing thread"),
                ("brushed", "dent"),
                ("cast", "pore"),
                ("stone", "stain"),
            )
        ),
        (steel, steel.Job("a", 1, "train", 2, ("2", "4")), steel.Job("a", 1, "train", 2, ())),
        (text, text.Job("a", 1, "train", 2, "text", 2), text.Job("a", 1, "train", 2, "text", 0)),
    ],
)
def test_flawed_and_clean_twins_differ_only_around_the_flaws(task, flawed, clean):
    (found,), (other,) = task.draw(flawed), task.draw(clean)
    marked = np.maximum.reduce(list(found.labelled.truth.values()))
    assert marked.any()
    assert not any(plane.any() for plane in other.labelled.truth.values())
    around = cv2.dilate(marked, np.ones((61, 61), np.uint8)) > 0
    before, after = (item.labelled.pair.test.astype(int) for item in (other, found))
    assert np.array_equal(before[~around], after[~around])
    assert np.abs(before - after)[marked > 0].mean() > 1


# ---- texture -------------------------------------------------------------------------------------------------------


def test_textures_have_the_stated_defects_and_come_in_grey_and_colour(made):
    out = made("texture")
    dataset, planes = opened(out)
    train = [s for s in dataset.samples if s.split == "train"]
    assert sum(planes[s.id]["defect"].any() for s in train) == SETS["texture"]["defects"]
    assert sum(planes[s.id]["defect"].any() for s in dataset.samples if s.split == "test") == 3
    assert {images.read_image(s.image)[0].ndim for s in train} == {2, 3}
    assert (out / "test" / "sample_submission.csv").is_file()


def test_every_material_shows_each_of_its_flaws_as_often():
    jobs = [job for job in texture.plan({"train": 200}, seed=1, clean_share=0.5, defects=48) if job.flaw]
    assert len(jobs) == 48
    seen = {(job.material, job.flaw) for job in jobs}
    assert len({material for material, _ in seen}) == 4
    assert len({flaw for _, flaw in seen}) == 5
    assert {sum(job.material == m for job in jobs) for m, _ in seen} == {12}


def test_the_number_of_a_test_image_says_nothing():
    jobs = texture.plan({"train": 0, "test": 40}, seed=1, clean_share=0.5, defects=0)
    flawed = [bool(job.flaw) for job in jobs]
    assert sum(flawed) == 20
    assert 5 < sum(flawed[:20]) < 15


# ---- steel ---------------------------------------------------------------------------------------------------------


def test_steel_tables_hold_the_drawn_masks(made):
    out = made("steel")
    jobs = {f"{job.id}.png": job for job in steel.plan({"train": 6, "test": 4}, seed=6, clean_share=0.5)}
    _, planes = opened(out)
    assert planes.keys() == jobs.keys()
    for name, heads in planes.items():
        (drawn,) = steel.draw(jobs[name])
        assert heads.keys() == drawn.labelled.truth.keys()
        for head, plane in heads.items():
            assert plane.shape == steel.SHAPE
            assert np.array_equal(plane, drawn.labelled.truth[head])
            runs = formats.encode_rle(plane > 0)
            assert np.array_equal(formats.decode_rle(runs, plane.shape, where="runs"), plane > 0)


def test_classes_are_unequal_and_half_the_strips_are_clean():
    jobs = steel.plan({"train": 1000, "test": 0}, seed=3, clean_share=0.5)
    assert sum(not job.classes for job in jobs) == 500
    counts = [sum(name in job.classes for job in jobs) for name in steel.CLASSES]
    assert min(counts) >= 40
    assert counts[2] > 2 * max(counts[0], counts[1], counts[3])
    assert min(counts) == counts[1]
    assert 60 < sum(len(job.classes) == 2 for job in jobs) < 140
    assert len({job.id for job in jobs}) == 1000


# ---- straws --------------------------------------------------------------------------------------------------------


def test_straws_have_three_views_and_labels_for_some_heads(made):
    dataset, _ = opened(made("straws"))
    by_object = {}
    for sample in dataset.samples:
        by_object.setdefault(sample.object_id, []).append(sample)
        assert images.image_size(sample.image) == (256, 1248)
        assert len(sample.labelled_heads) in ((5,) if sample.split == "test" else (1, 2, 3))
    assert all([s.view for s in samples] == ["1", "2", "3"] for samples in by_object.values())


def test_heads_are_labelled_equally_often():
    jobs = straws.plan({"train": 60}, seed=2, clean_share=0.25, annotators=0)
    labels = [head for job in jobs for heads in job.heads for head in heads]
    counts = [labels.count(head) for head in reed.HEADS]
    assert max(counts) - min(counts) <= 2
    assert sum(not job.kinds for job in jobs) == 15
    assert len({heads for job in jobs for heads in job.heads}) > 10


def test_a_deck_deals_different_cards_and_each_equally_often():
    deck = Deck(generator("deck"), tuple("abcde"))
    hands = [deck.deal(1 + k % 4) for k in range(40)]
    assert all(list(hand) == sorted(set(hand)) for hand in hands)
    assert [len(hand) for hand in hands] == [1 + k % 4 for k in range(40)]
    dealt = "".join("".join(hand) for hand in hands)
    assert {dealt.count(card) for card in "abcde"} == {20}


def test_only_the_vague_head_has_soft_masks():
    job = straws.Job("a", 1, "test", 0, ("stain", straws.SOFT), (reed.HEADS,) * 3, 0)
    planes = [drawn.labelled.truth for drawn in straws.draw(job)]
    for head in reed.HEADS:
        values = set(np.unique(np.stack([truth[head] for truth in planes])).tolist())
        if head == straws.SOFT:
            assert len(values) > 50
            assert min(values - {0}) > 1
        else:
            assert values <= {0, 255}
            assert (values == {0, 255}) == (head == "stain")


def test_a_flaw_shows_on_the_sides_that_it_lies_on():
    rng = generator("test of views")
    straw = reed.draw_reed(rng)
    flaw = reed.add_flaw(rng, straw, "hole")
    seen = [np.count_nonzero(reed.look(rng, straw, [flaw], turn).alphas[0] > 0.4) for turn in np.arange(6) * np.pi / 3]
    assert max(seen) > 20
    assert min(seen) == 0


# ---- annotators ----------------------------------------------------------------------------------------------------


def test_every_annotator_has_a_data_set_of_the_same_images(made):
    out = made("straws")
    main = datasets.open_dataset(out).select({"train"})
    for number in (1, 2, 3):
        folder = out / "annotators" / str(number)
        dataset, problems = datasets.check_folder(folder)
        assert problems == []
        assert [s.id for s in dataset.samples] == [s.id for s in main.samples]
        assert [s.labelled_heads for s in dataset.samples] == [s.labelled_heads for s in main.samples]
        assert all(a.image.samefile(b.image) for a, b in zip(dataset.samples, main.samples, strict=True))
    assert not (out / "annotators" / "4").exists()


def test_the_first_annotators_stay_when_more_are_hired():
    assert annotators.hire(2, seed=5) == annotators.hire(4, seed=5)[:2]
    assert len(set(annotators.hire(4, seed=5))) == 4


def overlap(first, second) -> float:
    return np.count_nonzero(first & second) / max(1, np.count_nonzero(first | second))


def test_annotators_agree_roughly_and_never_exactly():
    shape = (160, 200)
    alpha = blot(generator("blot"), shape, middle=(80, 100), radii=(30, 40), soft=0.5, ragged=0.1)
    flaw = Flaw("stain", alpha, 30.0)
    marks = [
        annotators.mark(generator("hand", who.number), who, [flaw], shape) > 0 for who in annotators.hire(6, seed=1)
    ]
    for mark in marks:
        assert overlap(mark, flaw.mask) > 0.5
    shares = [overlap(a, b) for k, a in enumerate(marks) for b in marks[:k]]
    assert min(shares) > 0.4
    assert max(shares) < 0.995


def test_small_flaws_are_missed_more_often():
    shape, (who,) = (60, 60), annotators.hire(1, seed=1)
    misses = []
    for radius in (2.5, 14):
        alpha = blot(generator("spot"), shape, middle=(30, 30), radii=(radius, radius), soft=0.2, ragged=0.0)
        flaw = Flaw("hole", alpha, 10.0)
        hands = [annotators.mark(generator("hand", k), who, [flaw], shape) for k in range(60)]
        misses.append(sum(not hand[20:40, 20:40].any() for hand in hands))
    assert misses[0] > misses[1] + 10


# ---- flaws ---------------------------------------------------------------------------------------------------------


def test_a_flaw_is_laid_within_its_levels():
    tone = np.full((80, 80), 0.5, np.float32)
    alpha = blot(generator("blot"), tone.shape, middle=(40, 40), radii=(12, 12), soft=0.2, ragged=0.1)
    laid = tone.copy()
    flaw = lay(generator("lay"), laid, "stain", alpha, -alpha, signal=(1e-6, 2e-6), levels=(7, 20))
    assert flaw.levels == pytest.approx(7)
    assert 255 * np.abs(laid - tone)[flaw.mask].mean() == pytest.approx(7, rel=1e-3)
    assert np.array_equal(laid[alpha == 0], tone[alpha == 0])


def test_a_line_in_pieces_lies_on_one_line():
    options = {"middle": (60, 80), "angle": 0.5, "length": 120, "width": 1.5}
    broken = line(generator("line"), (120, 160), pieces=4, **options) > 0.4
    parts, _ = cv2.connectedComponents(broken.astype(np.uint8))
    assert parts - 1 >= 2
    rows, cols = np.nonzero(broken)
    off = np.cos(0.5) * (rows - 60) - np.sin(0.5) * (cols - 80)
    assert np.abs(off).max() < 3


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "steel", "dev": 3}, "dev=3, the task steel has only the splits train, test"),
        ({"task": "steel", "surface": "metal"}, "surface=metal, the task steel has no use for it; only text has"),
        ({"defects": 3}, "defects=3, the task pairs has no use for it; only texture has"),
        ({"task": "text", "annotators": 2}, "only straws has"),
        ({"task": "texture", "train": 4}, "defects=30, allowed are 0 to 4"),
        ({"task": "straws", "train": 0, "annotators": 2}, "annotators=2 mark the split train, but train=0"),
        ({"task": "straws", "annotators": 99}, "annotators=99, allowed are 0 to 20"),
        ({"task": "steel", "train": 0}, "train=0, the layout steel needs at least 1"),
        ({"task": "text", "surface": "wood"}, "unknown surface 'wood'; known: text, metal"),
        ({"task": "steel", "train": 0, "test": 0}, "train and test are all 0; at least one of the images is needed"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_one_line(tmp_path, arguments, message):
    with pytest.raises(ConfigError, match=message) as caught:
        synth.make(tmp_path / "out", **arguments)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_command_draws_a_task(tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["synth", str(out), "--task", "text", "--train", "1", "--dev", "0", "--test", "1", "--quiet"]) == 0
    assert datasets.open_dataset(out).layout == "mask-folders"
    assert run(["synth", str(out), "--task", "steel", "--surface", "text"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
