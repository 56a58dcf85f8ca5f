"""Laws of the PRED folder: a kill loses nothing, and the order of the workers changes nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from full_disk import room_for

from pixelgbm.errors import OutputError, SubmissionError
from pixelgbm.formats import encode_mask_text
from pixelgbm.predictions import PredictionWriter, is_predictions, read_predictions, submit
from pixelgbm.records import Inspection, Region, Verdict

IDS = tuple(str(i) for i in range(1, 13))
ROOT = Path(__file__).parents[1]


def inspection(id: str, heads=("dirt",)) -> Inspection:
    rng = np.random.default_rng(int(id))
    probabilities = {head: rng.random((8, 6)).astype(np.float32) for head in heads}
    masks = {head: map > 0.8 for head, map in probabilities.items()}
    regions = tuple(
        Region(head, (0, 1, 4, 5), (1.5, 2.25), 1_234_567, 0.123456789, 0.5, 1.0)
        for head in heads
        for _ in range(int(id) % 3)
    )
    return Inspection(id, masks, probabilities, regions, Verdict(not regions, ("no reference", "x") if regions else ()))


def writer(folder, *, ids=IDS, heads=("dirt",), resume=False, **changes) -> PredictionWriter:
    options = {"model_digest": "m1", "data_digest": "d1", "layout": "konica-minolta", "probabilities": True} | changes
    return PredictionWriter(folder, ids=ids, heads=heads, resume=resume, **options)


def fill(folder, order=IDS, **options) -> None:
    with writer(folder, **options) as out:
        for id in order:
            if not out.done(id):
                out.write(inspection(id))


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("complete") / "PRED"
    fill(folder)
    return folder


def test_an_object_is_rejected_when_a_view_is_and_unknown_when_one_failed(tmp_path):
    """Images whose number is a multiple of three have no region and are accepted."""
    objects = {"3": "a", "6": "a", "9": "b", "10": "b", "12": "c", "1": "c", "2": "d"}
    with writer(tmp_path / "PRED", ids=("3", "6", "9", "10", "12", "1", "4"), objects=objects) as out:
        for id in ("3", "6", "9", "10", "12", "4"):
            out.write(inspection(id))
        out.fail("1", "torn")
    lines = (tmp_path / "PRED" / "objects.csv").read_text().splitlines()
    assert lines == ["object_id,accepted,views,rejected,failed", "a,yes,2,,", "b,no,2,10,", "c,unknown,2,,1"]
    fill(tmp_path / "PRED")
    assert not (tmp_path / "PRED" / "objects.csv").exists()


def test_what_is_written_is_read_back(complete):
    found = read_predictions(complete)
    assert (found.ids, found.heads, found.layout) == (IDS, ("dirt",), "konica-minolta")
    assert (found.model_digest, found.data_digest, found.failures) == ("m1", "d1", {})
    verdicts, regions = found.verdicts(), found.regions()
    for id in IDS:
        one = inspection(id)
        assert found.sizes[id] == (8, 6)
        assert np.array_equal(found.mask(id, "dirt"), one.masks["dirt"])
        assert np.abs(found.probability(id, "dirt") - one.probabilities["dirt"]).max() < 1e-5
        assert verdicts[id] == one.verdict
        assert [r.area for r in regions[id]] == [1_234_567] * len(one.regions)
        assert [r.bbox for r in regions[id]] == [r.bbox for r in one.regions]
        assert all(r.score == pytest.approx(0.123456789, abs=1e-6) for r in regions[id])


def test_folder_holds_what_its_contract_names_and_nothing_else(complete):
    names = {"run.json", "regions.csv", "verdicts.csv"}
    names |= {f"{kind}/dirt/{id}.png" for kind in ("masks", "probabilities") for id in IDS}
    assert set(content(complete)) == names


def test_order_of_the_images_changes_no_byte(complete, tmp_path):
    order = list(IDS)
    random.Random(3).shuffle(order)
    fill(tmp_path / "PRED", order)
    assert content(tmp_path / "PRED") == content(complete)


def test_threads_change_no_byte(complete, tmp_path):
    with writer(tmp_path / "PRED") as out:
        threads = [
            threading.Thread(target=lambda part=i: [out.write(inspection(d)) for d in IDS[part::4]]) for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert content(tmp_path / "PRED") == content(complete)


def test_interrupted_run_continues_to_the_same_bytes(complete, tmp_path):
    folder = tmp_path / "PRED"
    with pytest.raises(KeyboardInterrupt), writer(folder) as out:
        for id in ("7", "2", "11"):
            out.write(inspection(id))
        raise KeyboardInterrupt
    assert is_predictions(folder)
    with pytest.raises(SubmissionError, match=r"PRED: not finished; predict --resume continues it$"):
        read_predictions(folder)
    with writer(folder, resume=True) as out:
        assert [id for id in IDS if out.done(id)] == ["2", "7", "11"]
        for id in IDS:
            if not out.done(id):
                out.write(inspection(id))
    assert content(folder) == content(complete)


def test_kill_in_the_middle_loses_nothing(complete, tmp_path):
    folder = tmp_path / "PRED"
    code = (
        "import sys, time; sys.path[:0] = sys.argv[2:]; import test_predictions as t\n"
        "with t.writer(sys.argv[1]) as out:\n"
        "    for id in t.IDS:\n"
        "        out.write(t.inspection(id)); time.sleep(0.05)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder), str(ROOT), str(ROOT / "tests")])
    journal = folder / "unfinished.jsonl"
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with writer(folder, resume=True) as out:
        done = [id for id in IDS if out.done(id)]
    assert len(done) >= 3
    fill(folder, resume=True)
    assert content(folder) == content(complete)


def test_torn_line_and_torn_file_are_done_again(complete, tmp_path):
    folder = tmp_path / "PRED"
    with pytest.raises(KeyboardInterrupt), writer(folder) as out:
        for id in IDS[:4]:
            out.write(inspection(id))
        raise KeyboardInterrupt
    with (folder / "unfinished.jsonl").open("ab") as file:
        file.write(b'{"id": "5", "si')
    (folder / "masks" / "dirt" / "2.png").unlink()
    (folder / "masks" / "dirt" / ".5.png.1-1.tmp").write_bytes(b"half")
    with writer(folder, resume=True) as out:
        assert [id for id in IDS if out.done(id)] == ["1", "3", "4"]
    fill(folder, resume=True)
    assert content(folder) == content(complete)


def test_resuming_what_is_finished_changes_nothing(complete, tmp_path):
    folder = tmp_path / "PRED"
    fill(folder)
    with writer(folder, resume=True) as out:
        assert all(out.done(id) for id in IDS)
    assert content(folder) == content(complete)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_digest": "m2"}, r"other model \(m1 there, m2 now\); --resume continues the same run only$"),
        ({"data_digest": "d2"}, r"other data \(d1 there, d2 now\)"),
        ({"probabilities": False}, r"other --probabilities"),
        ({"min_size": "12 px"}, r"other --min-size \(None there, 12 px now\)"),
        ({"layout": "manifest"}, r"other layout"),
        ({"ids": IDS[:-1]}, r"other images; --resume"),
    ],
)
@pytest.mark.parametrize("finished", [False, True])
def test_resuming_another_run_is_refused(tmp_path, change, said, finished):
    folder = tmp_path / "PRED"
    fill(folder, IDS if finished else IDS[:3])
    before = content(folder)
    with pytest.raises(OutputError, match=rf"PRED\S*: made with {said}"):
        writer(folder, resume=True, **change)
    assert content(folder) == before


def test_failures_are_listed_and_tried_again_on_resuming(complete, tmp_path):
    folder = tmp_path / "PRED"
    with writer(folder) as out:
        for id in IDS:
            if id in ("3", "9"):
                out.fail(id, f"{id}.tif: the file is cut off")
            else:
                out.write(inspection(id))
    found = read_predictions(folder)
    assert found.failures == {"3": "3.tif: the file is cut off", "9": "9.tif: the file is cut off"}
    assert found.ids == IDS
    assert set(found.sizes) == set(IDS) - {"3", "9"}
    with pytest.raises(SubmissionError, match=r"PRED: image 3 failed \(3\.tif: the file is cut off\)$"):
        found.mask("3", "dirt")
    with pytest.raises(SubmissionError, match=r"2 of 12 images failed \(3, 9\); an answer needs every image$"):
        submit(folder, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    with writer(folder, resume=True) as out:
        assert [id for id in IDS if not out.done(id)] == ["3", "9"]
        out.write(inspection("3"))
        out.fail("9", "again")
    assert read_predictions(folder).failures == {"9": "again"}
    fill(folder, resume=True)
    assert content(folder) == content(complete)


def test_full_disk_keeps_what_is_complete(complete, tmp_path):
    folder = tmp_path / "PRED"
    with pytest.raises(OutputError, match=r"unfinished\.jsonl: File too large$"), writer(folder) as out, room_for(900):
        for id in IDS:
            out.write(inspection(id))
    lines = (folder / "unfinished.jsonl").read_text().splitlines()
    assert all(json.loads(line) for line in lines)
    assert 1 < len(lines) < len(IDS)
    fill(folder, resume=True)
    assert content(folder) == content(complete)


def test_new_run_replaces_an_old_one_but_nothing_else(complete, tmp_path):
    folder = tmp_path / "PRED"
    with writer(folder, ids=("99", "98"), data_digest="other") as out:
        out.write(inspection("99"))
        out.write(inspection("98"))
    fill(folder)
    assert content(folder) == content(complete)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match=r"mine: not empty and no PRED folder; choose a new or empty folder$"):
        writer(tmp_path / "mine")
    assert content(tmp_path / "mine") == {"letter.txt": b"dear"}


def test_several_heads_each_have_a_folder(tmp_path):
    folder = tmp_path / "PRED"
    with writer(folder, ids=("1", "2"), heads=("a", "b"), layout="manifest") as out:
        for id in ("1", "2"):
            out.write(inspection(id, ("a", "b")))
    found = read_predictions(folder)
    assert set(found.masks("2")) == {"a", "b"}
    assert [r.head for r in found.regions()["2"]] == ["a", "a", "b", "b"]
    assert (
        (folder / "regions.csv")
        .read_text()
        .splitlines()[3]
        .startswith("2,a,1,0,1,4,5,1.50,2.25,1234567,0.123457,0.5,1")
    )
    with pytest.raises(
        SubmissionError, match=r"the layout manifest has no answer file; these have one: konica-minolta, "
    ):
        submit(folder, tmp_path / "a.zip")
    with pytest.raises(SubmissionError, match="has the heads a, b; this answer has room for one"):
        submit(folder, tmp_path / "a.zip", layout="konica-minolta")
    with pytest.raises(SubmissionError, match="unknown layout 'x'; known are"):
        submit(folder, tmp_path / "a.zip", layout="x")


def test_answer_holds_every_image_and_needs_only_the_folder(complete, tmp_path):
    assert submit(complete, tmp_path / "a.zip") == 12
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == [f"{id}_mask.txt" for id in IDS]
        assert archive.read("4_mask.txt").decode() == encode_mask_text(inspection("4").masks["dirt"])
    submit(complete, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "run.json").write_text("{"), r"run\.json: damaged \("),
        (lambda f: (f / "run.json").write_text("[]"), r"run\.json: damaged \(no JSON object\)"),
        (lambda f: (f / "run.json").write_text('{"format": 1}'), r"run\.json: damaged \(a PRED folder's"),
        (lambda f: (f / "run.json").write_text('{"format": 9}'), r"run\.json: format 9, this version reads 1"),
        (lambda f: (f / "run.json").unlink(), r"PRED: not a PRED folder, it holds no run\.json"),
        (lambda f: (f / "masks/dirt/4.png").unlink(), r"4\.png: No such file"),
        (lambda f: (f / "masks/dirt/4.png").write_bytes(b""), r"4\.png: the file is empty"),
        (
            lambda f: (f / "verdicts.csv").write_text("a,b\n1,2\n"),
            r"verdicts\.csv: damaged, allowed are the columns id",
        ),
        (lambda f: (f / "regions.csv").unlink(), r"regions\.csv: No such file"),
    ],
)
def test_damaged_folder_is_refused_in_one_line(complete, tmp_path, damage, said):
    folder = tmp_path / "PRED"
    fill(folder)
    damage(folder)

    def use():
        found = read_predictions(folder)
        found.verdicts(), found.regions()
        for id in found.ids:
            found.masks(id)

    with pytest.raises(SubmissionError, match=rf"^\S*{said}[^\n]*$"):
        use()


def test_maps_that_were_not_kept_are_said(tmp_path):
    fill(tmp_path / "PRED", probabilities=False)
    assert not (tmp_path / "PRED" / "probabilities").exists()
    with pytest.raises(SubmissionError, match="holds no probabilities; predict with --probabilities keeps them"):
        read_predictions(tmp_path / "PRED").probability("1", "dirt")
