"""Laws of augmentation: what changes, what is marked, what is tied together, and what is never touched."""

from __future__ import annotations

import csv
import hashlib
import tracemalloc

import cv2
import numpy as np
import pytest

from pixelgbm import datasets
from pixelgbm.__main__ import run
from pixelgbm.augmentation import RIM, augment, flaws
from pixelgbm.augmentation.flaws import KINDS, draw_flaw
from pixelgbm.augmentation.grafting import cut_patches, graft
from pixelgbm.config import preset
from pixelgbm.datasets import LAYOUTS, Labelled, open_dataset, read_pair, read_truth
from pixelgbm.errors import ConfigError, DatasetError, OutputError
from pixelgbm.records import Pair
from pixelgbm.training.plan import make_plan
from tests.command_line import error_of

SIDE = 96
forms = pytest.mark.parametrize(
    ("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (1, np.uint16), (3, np.uint16)], ids=str
)


def surface(seed: int, *, channels: int = 1, dtype=np.uint8, mean: float = 120.0) -> np.ndarray:
    """A rough surface."""
    rng = np.random.default_rng(seed)
    plane = mean + 8 * cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE, channels)), (0, 0), 1.0).reshape(
        SIDE, SIDE, channels
    )
    plane = np.rint(np.clip(plane, 0, 255) * (257 if dtype == np.uint16 else 1)).astype(dtype)
    return plane[..., 0] if channels == 1 else plane


def disc(row: int = 48, col: int = 40, radius: int = 7) -> np.ndarray:
    rows, cols = np.ogrid[:SIDE, :SIDE]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def spoilt(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The surface at half its brightness where the mask is."""
    new = image.copy()
    new[mask] //= 2
    return new


def around(mask: np.ndarray) -> np.ndarray:
    """Pixels less than RIM away from a mask."""
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return away < RIM


def differs(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    return (new != old).reshape(SIDE, SIDE, -1).any(axis=2)


def plane(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.uint8) * np.uint8(255)


# ---- one image -----------------------------------------------------------------------------------------------------


@forms
def test_a_graft_changes_its_mask_and_a_rim_and_nothing_else(channels, dtype):
    donor, image = (surface(k, channels=channels, dtype=dtype) for k in (1, 2))
    patches = cut_patches(spoilt(donor, disc()), {"defect": plane(disc())})
    before = image.copy()
    for seed in range(6):
        new, truth = graft(image, patches, rng=np.random.default_rng(seed))
        assert np.array_equal(image, before)
        assert (new.dtype, new.shape) == (image.dtype, image.shape)
        mask = truth["defect"] > 0
        assert set(np.unique(truth["defect"])) == {0, 255}
        assert not (differs(new, image) & ~around(mask)).any()
        assert differs(new, image)[mask].mean() > 0.95
        assert 0.6 * disc().sum() < mask.sum() < 1.6 * disc().sum()
        assert 0.4 < new[mask].mean() / image[mask].mean() < 0.6  # half as bright, as on the donor


def test_a_defect_free_patch_leaves_no_trace():
    """The mask marks nothing that can be seen, so that only the seam could give the patch away."""
    donor, image = surface(1, mean=170), surface(2, mean=90)
    patches = cut_patches(donor, {"defect": plane(disc(radius=10))})
    steps, deviations = [], []
    for seed in range(20):
        new, truth = graft(image, patches, rng=np.random.default_rng(seed))
        mask = truth["defect"] > 0
        seam = around(mask) & ~mask
        steps.append(new[mask].mean() / new[~around(mask)].mean())
        deviations.append(new[seam].std() / new[~around(mask)].std())
    assert np.mean(steps) == pytest.approx(1, abs=0.02)  # the donor is nearly twice as bright
    assert np.mean(deviations) == pytest.approx(1, abs=0.12)


def test_soft_masks_stay_soft_and_heads_apart():
    soft = np.where(disc(), np.uint8(255), np.uint8(0))
    soft[disc(radius=9) & ~disc()] = 90
    truth = {"hole": soft, "stain": plane(disc(48, 62, 3)), "crack": np.zeros((SIDE, SIDE), np.uint8)}
    (patch,) = cut_patches(spoilt(surface(1), disc()), truth)
    _, found = graft(surface(2), [patch], rng=np.random.default_rng(1))
    assert list(found) == list(truth)
    assert found["hole"].max() == 255
    assert ((found["hole"] > 0) & (found["hole"] < 255)).any()
    assert found["stain"].any()
    assert not found["crack"].any()


def test_what_leaves_no_room_for_a_seam_is_not_cut():
    image = surface(1)
    ignore = np.zeros((SIDE, SIDE), bool)
    ignore[48, 40] = True
    assert cut_patches(image, {"defect": plane(disc(6, 40))}) == ()
    assert cut_patches(image, {"defect": plane(disc(radius=30))}) == ()
    assert cut_patches(image, {"defect": plane(disc())}, ignore) == ()
    assert cut_patches(image, {"defect": plane(np.zeros((SIDE, SIDE), bool))}) == ()
    assert len(cut_patches(image, {"defect": plane(disc(20, 20, 3) | disc(70, 70, 3))})) == 2


@forms
@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_flaw_changes_its_mask_and_a_rim_and_nothing_else(kind, channels, dtype):
    image = surface(3, channels=channels, dtype=dtype)
    before = image.copy()
    for seed in range(6):
        new, mask = draw_flaw(image, kind, rng=np.random.default_rng(seed))
        assert np.array_equal(image, before)
        assert (new.dtype, new.shape) == (image.dtype, image.shape)
        assert set(np.unique(mask)) == {0, 255}
        assert not (differs(new, image) & ~around(mask)).any()
        assert differs(new, image)[mask > 0].mean() > 0.9


def test_a_scratch_that_is_lifted_all_the_way_is_drawn_whole(monkeypatch):
    monkeypatch.setattr(flaws, "_wave", lambda rng, count, pitch: np.full(count, -1.0))
    for seed in range(12):
        new, mask = draw_flaw(surface(3), "scratch", rng=np.random.default_rng(seed))
        assert mask.any() and differs(new, surface(3))[mask > 0].mean() > 0.9


# ---- a folder ------------------------------------------------------------------------------------------------------

CLEAN, DIRTY = 24, 6


def items(*, groups: bool = False, heads: int = 1):
    def truth(mask):
        return {name: plane(mask) for name in ("defect", "other")[:heads]}

    for k in range(DIRTY):
        mask = disc(30 + 4 * k, 40, 4 + k)
        group = f"lot {k}" if groups else None
        yield Labelled(f"dirty_{k}", "train", Pair(spoilt(surface(k), mask)), truth(mask), group=group)
    for k in range(CLEAN):
        group = f"lot {k % 9}" if groups else None
        yield Labelled(f"clean_{k}", "train", Pair(surface(100 + k)), truth(disc() & False), group=group)
    for k in range(4):
        mask = disc() if k % 2 else disc() & False
        yield Labelled(f"test_{k}", "test", Pair(spoilt(surface(200 + k), mask)), truth(mask), sealed=True)


@pytest.fixture(scope="module")
def textured(tmp_path_factory):
    root = tmp_path_factory.mktemp("textured")
    LAYOUTS["textured-surfaces"].write(root, items(), sealed=root / "truth")
    return root


def written(tmp_path, layout="manifest", **options):
    root = tmp_path / "data"
    LAYOUTS[layout].write(root, items(**options), sealed=root / "truth")
    return open_dataset(root)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def sources(folder):
    with (folder / "sources.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_reads_back_with_masks_of_exactly_what_was_laid_on(textured, tmp_path):
    made = augment(open_dataset(textured), out=tmp_path / "more", count=20, procedural=0.25, seed=1)
    assert (made.own, made.pasted, made.drawn, made.donors) == (CLEAN + DIRTY, 15, 5, DIRTY)
    more, problems = datasets.check_folder(tmp_path / "more")
    assert problems == []
    samples = {s.id: s for s in more.samples}
    assert {s.split for s in more.samples} == {"train"}
    assert len(samples) == CLEAN + DIRTY + 20
    for row in sources(tmp_path / "more"):
        new, old = (read_pair(more, samples[row[name]]).test for name in ("id", "background"))
        mask = read_truth(more, samples[row["id"]], new.shape)["defect"]
        assert differs(new, old)[mask > 0].mean() > 0.9
        assert not (differs(new, old) & ~around(mask)).any()
        assert row["background"].startswith("clean")
        assert row["donor"].startswith("dirty") or not row["donor"]
    for k in range(DIRTY):
        found = read_truth(more, samples[f"dirty_{k}"], (SIDE, SIDE))["defect"]
        assert np.array_equal(found > 0, disc(30 + 4 * k, 40, 4 + k))
    assert not read_truth(more, samples["clean_3"], (SIDE, SIDE))["defect"].any()


def test_bytes_depend_on_the_seed_and_not_on_the_workers(textured, tmp_path):
    for name, seed, workers in (("one", 4, 1), ("three", 4, 3), ("other", 5, 1)):
        augment(open_dataset(textured), out=tmp_path / name, count=12, seed=seed, workers=workers)
    one, three, other = (digests(tmp_path / name) for name in ("one", "three", "other"))
    assert one == three
    assert one.keys() != other.keys() or one != other
    assert one["images/augmented_000000.png"] != other["images/augmented_000000.png"]


def test_no_image_of_another_split_is_read(tmp_path):
    dataset = written(tmp_path)
    for sample in dataset.samples:
        if sample.split == "test":
            sample.image.write_bytes(b"not an image")
    made = augment(dataset, out=tmp_path / "more", count=8)
    assert made.own == CLEAN + DIRTY
    assert "test_" not in (tmp_path / "more" / "manifest.csv").read_text()


@pytest.mark.parametrize("groups", [False, True])
def test_no_fold_parts_a_new_image_from_what_it_was_made_of(tmp_path, groups):
    augment(written(tmp_path, groups=groups), out=tmp_path / "more", count=30, procedural=0.2, seed=3)
    plan = make_plan(open_dataset(tmp_path / "more"), preset("fast"), workers=1, progress=None)
    for row in sources(tmp_path / "more"):
        tied = [row["id"], row["background"], *([row["donor"]] if row["donor"] else [])]
        assert len({plan.groups[id] for id in tied}) == 1
        assert len({plan.folds[id] for id in tied}) == 1
    assert len({plan.groups[f"dirty_{k}"] for k in range(DIRTY)}) == DIRTY
    if groups:
        assert all(plan.groups[f"clean_{k}"] == f"lot {k % 9}" for k in range(CLEAN) if k % 9 < DIRTY)


def test_a_patch_goes_onto_the_surface_that_looks_most_like_its_own(tmp_path):
    dark, light = 60, 190

    def mixed():
        for k in range(4):
            mean = (dark, light)[k % 2]
            mask = disc(radius=4 + k)
            yield Labelled(f"d{k}", "train", Pair(spoilt(surface(k, mean=mean), mask)), {"defect": plane(mask)})
        for k in range(12):
            mean = (dark, light)[k % 2]
            yield Labelled(f"c{k}", "train", Pair(surface(50 + k, mean=mean)), {"defect": plane(disc() & False)})

    LAYOUTS["manifest"].write(tmp_path / "data", mixed())
    augment(open_dataset(tmp_path / "data"), out=tmp_path / "more", count=8, procedural=0)
    for row in sources(tmp_path / "more"):
        assert int(row["donor"][1:]) % 2 == int(row["background"][1:]) % 2


def test_several_heads_keep_their_masks(tmp_path):
    augment(written(tmp_path, heads=2), out=tmp_path / "more", count=6)
    more = open_dataset(tmp_path / "more")
    assert more.heads == ("defect", "other")
    new = [s for s in more.samples if s.id.startswith("augmented")]
    assert all(set(s.labelled_heads) == {"defect", "other"} for s in new)
    truth = read_truth(more, new[0], (SIDE, SIDE))
    assert np.array_equal(truth["defect"], truth["other"])
    assert truth["defect"].any()


def test_memory_does_not_grow_with_the_number_of_images(textured, tmp_path):
    dataset, peaks = open_dataset(textured), []
    for count in (10, 60):
        tracemalloc.start()
        augment(dataset, out=tmp_path / str(count), count=count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20 * SIDE * SIDE  # 50 more images would be 50 x SIDE x SIDE


# ---- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 0}, ConfigError, "images=0, allowed are 1 to"),
        ({"procedural": 1.5}, ConfigError, "procedural=1.5, allowed are 0 to 1"),
        ({"seed": -1}, ConfigError, "seed=-1, allowed are whole numbers from 0"),
    ],
)
def test_values_out_of_range_are_refused(textured, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        augment(open_dataset(textured), out=tmp_path / "more", **options)


def written_items(tmp_path, chosen, *, edit=lambda item: item):
    root = tmp_path / "data"
    LAYOUTS["manifest"].write(root, [edit(item) for item in items() if chosen(item.id)], sealed=root / "truth")
    return open_dataset(root)


@pytest.mark.parametrize(
    ("chosen", "options", "message"),
    [
        (lambda id: "dirty" not in id, {}, "none of 24 labelled train images has a defect that can be cut out"),
        (lambda id: "clean" not in id, {}, "none of 6 labelled train images is clean"),
        (lambda id: "test" in id, {}, "no labelled image in a split train"),
    ],
)
def test_data_that_lack_something_are_refused(tmp_path, chosen, options, message):
    dataset = written_items(tmp_path, chosen)
    with pytest.raises(DatasetError, match=message):
        augment(dataset, out=tmp_path / "more", **options)
    assert not (tmp_path / "more").exists()


def test_drawn_defects_need_no_donor(tmp_path):
    dataset = written_items(tmp_path, lambda id: "dirty" not in id)
    assert augment(dataset, out=tmp_path / "more", count=3, procedural=1.0).drawn == 3


def test_drawn_defects_of_several_heads_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="has the heads defect, other: which of them"):
        augment(written(tmp_path, heads=2), out=tmp_path / "more", procedural=0.5)


def test_pairs_are_left_to_training(tmp_path):
    def paired(item):
        return Labelled(item.id, item.split, Pair(item.pair.test, item.pair.test), item.truth, sealed=item.sealed)

    dataset = written_items(tmp_path, lambda id: True, edit=paired)
    with pytest.raises(DatasetError, match=r"dirty_0 has a reference; .*pasted_share"):
        augment(dataset, out=tmp_path / "more")


def test_other_forms_share_no_patches(tmp_path):
    def coloured(item):
        test = np.dstack([item.pair.test] * 3) if item.id.startswith("clean") else item.pair.test
        return Labelled(item.id, item.split, Pair(test), item.truth, sealed=item.sealed)

    dataset = written_items(tmp_path, lambda id: True, edit=coloured)
    with pytest.raises(DatasetError, match="no clean train image has the channels"):
        augment(dataset, out=tmp_path / "more")


def test_what_is_augmented_already_is_refused(textured, tmp_path):
    augment(open_dataset(textured), out=tmp_path / "more", count=4)
    with pytest.raises(DatasetError, match="augmented_000000 is of an augmented folder"):
        augment(open_dataset(tmp_path / "more"), out=tmp_path / "again")


def test_the_command_leaves_what_is_there_alone(textured, tmp_path, capsys):
    out = tmp_path / "more"
    assert run(["augment", str(textured), "--out", str(out), "--images", "5", "--json", str(tmp_path / "r.json")]) == 0
    said = capsys.readouterr().out
    assert "4 with a defect cut out of" in said
    assert "--metric verdict-f1" in said
    assert run(["check", str(out), "--quiet"]) == 0
    before = digests(out)
    assert run(["augment", str(textured), "--out", str(out), "--images", "6"]) == 2
    assert "holds something already" in error_of(capsys)
    assert digests(out) == before
    with pytest.raises(OutputError):
        augment(open_dataset(textured), out=tmp_path / "r.json")


def test_a_model_trains_on_the_folder(textured, tmp_path):
    augment(open_dataset(textured), out=tmp_path / "more", count=12)
    (tmp_path / "tiny.toml").write_text(
        "folds = 2\n[sampling]\nquantizer_images = 4\n[booster]\ntrees = 5\n[region_booster]\ntrees = 5\n"
    )
    command = ["train", tmp_path / "more", "--out", tmp_path / "model", "--config", tmp_path / "tiny.toml"]
    assert run([*map(str, command), "--profile", "fast", "--metric", "verdict-f1", "--quiet", "--workers", "1"]) == 0
