"""Laws of the report: it stands alone, says what the score card says, and shows what there is and no more."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import small_print

from pixelgbm import images
from pixelgbm.__main__ import run
from pixelgbm.datasets import LAYOUTS, open_dataset
from pixelgbm.decision import DEFAULT_RULE
from pixelgbm.errors import ConfigError
from pixelgbm.mapstore import Tables
from pixelgbm.metrics import METRICS
from pixelgbm.records import Sample
from pixelgbm.regions import GRID
from pixelgbm.report import gallery
from pixelgbm.report.curves import calibration, precision_recall, region_calibration
from pixelgbm.report.gallery import pick_images
from pixelgbm.report.notes import html_of, read_notes
from pixelgbm.report.sizes import EDGES, size_counts, size_rows
from pixelgbm.report.surface import surface_around
from pixelgbm.report.survey import LEVELS, Seen, survey
from pixelgbm.report.writing import Request, write_report
from pixelgbm.scorecard import ImageScore, Scorecard
from pixelgbm.training import train
from pixelgbm.tuning.objective import plateau, split_points
from pixelgbm.tuning.study import read_histories, search

NOTES = """before any heading <script>alert(1)</script>

# What the data are like
Dirt is *dark*; see [a page](http://example.org/a) and ![a picture](http://example.org/b.png).

- one
- two

## What would improve it
| more | of |
|---|---|
| data | all |
"""


class Page(HTMLParser):
    """The references, the elements by name and the text of a page."""

    def __init__(self, html):
        super().__init__()
        self.references, self.elements, self.texts, self.panels = [], [], [], {}
        self._article = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.elements.append((tag, found))
        loading = ("src", "href", "xlink:href", "srcset", "poster", "action", "data", "background")
        self.references += [(tag, found[name]) for name in loading if name in found]
        if tag == "article":
            self._article = found["data-id"]
            self.panels[self._article] = []
        if tag == "button" and self._article is not None and "data-title" in found:
            self.panels[self._article].append(found["data-title"].removeprefix(f"{self._article}: "))

    def handle_endtag(self, tag):
        if tag == "article":
            self._article = None

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def predict(model, data, out, *more):
    assert run(["predict", str(model), str(data), "--out", str(out), "--quiet", "--workers", "1", *more]) == 0
    return out


@pytest.fixture(scope="module")
def made(tiny_model, tiny_data, tmp_path_factory):
    """A model, predictions of dev with maps, and the report of them."""
    root = tmp_path_factory.mktemp("report")
    pred = predict(tiny_model, tiny_data, root / "pred", "--split", "dev", "--probabilities")
    (root / "notes.md").write_text(NOTES)
    report = ["report", str(tiny_model), str(tiny_data), str(pred), "--notes", str(root / "notes.md")]
    report += ["--out", str(root / "out"), "--json", str(root / "report.json"), "--quiet", "--workers", "1"]
    assert run(report) == 0
    assert run(["score", str(pred), str(tiny_data), "--quiet", "--json", str(root / "score.json")]) == 0
    return root


@pytest.fixture(scope="module")
def page(made):
    return Page((made / "out" / "report.html").read_text())


def embedded(html):
    return json.loads(re.search(r'<script type="application/json" id="scorecard">(.*?)</script>', html)[1])


# ---- the page ------------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_from_elsewhere(made, page):
    assert page.references
    for tag, target in page.references:
        assert target.startswith(("#", "data:")), (tag, target[:80])
    html = (made / "out" / "report.html").read_text()
    assert "@import" not in html and "url(http" not in html and "fetch(" not in html
    outside = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert set(re.findall(r"https?://[^\s)<\"]+", outside)) <= {"http://example.org/a", "http://example.org/b.png"}


def test_references_inside_the_page_lead_somewhere(page):
    there = {found["id"] for _, found in page.elements if "id" in found}
    inside = {target[1:] for _, target in page.references if target.startswith("#")}
    assert inside and inside <= there


def test_figures_are_those_of_score(made, page):
    expected = json.loads((made / "score.json").read_text())
    assert embedded((made / "out" / "report.html").read_text()) == expected
    assert json.loads((made / "report.json").read_text())["scorecard"] == expected
    overall = expected["overall"]
    low, high = overall["interval"]
    for said in (
        f"{expected['score']:,.1f}",
        f"{1e6 * low:,.0f} to {1e6 * high:,.0f}",
        f"{1e6 * overall['all_clean']:,.0f}",
        f"{overall['score_mean']:.4f}",
        f"Pixel average precision {expected['ranking']['average_precision']:.4f}",
    ):
        assert said in page.text, said
    for level, figures in expected["per_level"].items():
        assert f"level {level} {figures['images']} {figures['score_mean']:.4f}" in page.text


def test_every_image_of_the_gallery_has_its_five_panels(made, page):
    expected = json.loads((made / "score.json").read_text())["per_image"]
    assert page.panels
    for id, panels in page.panels.items():
        row = next(row for row in expected if row["id"] == id)
        truth, found = f"truth, {row['actual']:,} px", f"found, {row['predicted']:,} px"
        assert panels == ["image", "reference", truth, found, "probability"]
    missed = {row["id"] for row in expected if row["actual"] and not row["tp"]}
    alarms = {row["id"] for row in expected if not row["actual"] and row["predicted"]}
    assert missed | alarms <= set(page.panels)


def test_every_section_is_there(page):
    for title in ("Score card", "What was trained on what", "Decision rule", "Gallery", "Time per image"):
        assert title in page.text
    assert "18, and 0 excluded" in page.text
    assert sum(tag == "svg" and "aria-label" in found for tag, found in page.elements) > 5 * len(page.panels) + 5


def test_commands_and_provenance_are_exact(made, page, tiny_model, tiny_data):
    run_json = json.loads((made / "pred" / "run.json").read_text())
    assert run_json["model"] in page.text
    assert f"pixelgbm train {tiny_data} --out {tiny_model} --config run.toml --split train" in page.text
    assert f"pixelgbm predict {tiny_model} {tiny_data} --out {made / 'pred'} --split dev --probabilities" in page.text
    assert "num_leaves = 15" in page.text
    assert "made by another model" not in page.text


def test_pdf_has_pages_and_the_workers_change_nothing(made, tiny_model, tiny_data):
    pdf = (made / "out" / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", pdf)) >= 2
    dataset = open_dataset(tiny_data)
    request = Request(model=tiny_model, data=tiny_data, pred=made / "pred", out=made / "again", timing=False)
    contents = []
    for workers in (1, 2):
        written = write_report(request, dataset, dataset, workers=workers)
        contents.append((written.page.read_bytes(), written.pdf.read_bytes()))
    assert contents[0] == contents[1]
    assert b"Time per image" not in contents[0][0]


# ---- what is missing -----------------------------------------------------------------------------------------------


def test_without_references_maps_or_probabilities(tiny_model, tiny_data, tmp_path):
    lines = ["id,image,mask,split"]
    for path in sorted(tiny_data.glob("dev/level-*/*[0-9].tif"))[:4]:
        (tmp_path / "data").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "data" / path.name)
        shutil.copy(path.with_name(f"{path.stem}_mask.tif"), tmp_path / "data" / f"{path.stem}_m.tif")
        lines.append(f"{path.stem},{path.stem}.tif,{path.stem}_m.tif,dev")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(lines) + "\n")
    model = shutil.copytree(tiny_model, tmp_path / "model")
    pred = predict(model, tmp_path / "data", tmp_path / "pred")
    report = ["report", model, tmp_path / "data", pred, "--out", tmp_path / "out", "--no-timing", "--quiet"]
    assert run([str(word) for word in report]) == 0
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert page.panels
    for panels in page.panels.values():
        assert [panel.partition(",")[0] for panel in panels] == ["image", "truth", "found"]
    assert "There is no model.maps beside the model" in page.text
    assert "predict with --probabilities" in page.text
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "out" / "report.pdf").read_bytes())) >= 2


def test_images_without_room_are_listed(made, tiny_model, tiny_data, tmp_path, monkeypatch):
    dataset = open_dataset(tiny_data)
    request = Request(model=tiny_model, data=tiny_data, pred=made / "pred", out=tmp_path, timing=False)
    whole = write_report(request, dataset, dataset)
    monkeypatch.setattr(gallery, "MOST_BYTES", 60_000)
    some = write_report(request, dataset, dataset)
    assert 0 < some.shown < whole.shown
    assert some.shown + some.listed == whole.shown + whole.listed
    assert f"{some.listed} further images" in Page(some.page.read_text()).text


def test_heads_and_signs_in_names_are_shown_as_they_are(tmp_path):
    names = ("dirt <1>", "scr$tch$")

    def item(number):
        drawn = small_print.labelled(number, split="train" if number < 8 else "dev")
        plane = drawn.truth["dirt"]
        truth = {names[0]: plane, names[1]: np.roll(plane, 9, axis=1)}
        return replace(drawn, id=f"a&b $x_{number}$", truth=truth, level=f"<{number % 2}>")

    data, model, pred = tmp_path / "data", tmp_path / "model", tmp_path / "pred"
    LAYOUTS["manifest"].write(data, map(item, range(12)))
    train(open_dataset(data).select({"train"}), small_print.TINY, out=model)
    predict(model, data, pred, "--split", "dev", "--probabilities", "--without-references")
    assert run(["report", str(model), str(data), str(pred), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert page.panels and all(id.startswith("a&b $x_") for id in page.panels)
    assert all(name in page.text for name in names)
    assert "without references" in page.text and "level <1>" in page.text
    labels = [found.get("aria-label", "") for tag, found in page.elements if tag == "svg"]
    assert sum(name in label for name in names for label in labels) >= 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "nowhere"}, "no such model folder"),
        ({"pred": "data"}, "not a PRED folder"),
        ({"--notes": "nothing.md"}, "nothing.md: No such file"),
        ({"--notes": "binary.md"}, "not UTF-8 text"),
        ({"--ablation": "binary.md"}, "not as benchmarks/ablation.py writes it"),
        ({"--ablation": "list.json"}, "not as benchmarks/ablation.py writes it"),
        ({"--storage": "sqlite:///nothing.db"}, "no study there"),
        ({"--split": "nosplit"}, "no split 'nosplit'"),
        ({"--split": "train"}, "lacks 18 images"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_told_in_one_line(made, tiny_model, tiny_data, tmp_path, monkeypatch, capsys, change, said):
    monkeypatch.chdir(tmp_path)
    Path("binary.md").write_bytes(b"\xff\xfe\x00")
    Path("list.json").write_text('{"ablations": [{"variation": 3}], "curve": []}')
    paths = {"model": tiny_model, "data": tiny_data, "pred": made / "pred"} | change
    if change.get("pred") == "data":
        paths["pred"] = tiny_data
    words = [str(paths.pop(name)) for name in ("model", "data", "pred")]
    options = [word for option, value in paths.items() for word in (option, str(value))]
    assert run(["report", *words, "--out", "out", "--quiet", *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and said in error
    assert not Path("out").exists() and not Path("nothing.db").exists()


# ---- the gallery ---------------------------------------------------------------------------------------------------


def card_of(*rows):
    per_image = tuple(
        ImageScore(id, "dirt", "1", None, None, tp, predicted, actual, score)
        for id, tp, predicted, actual, score in rows
    )
    nothing = {"per_level": {}, "per_head": {}, "per_group": {}, "excluded": {}, "failures": {}}
    nothing |= {"group_mean": None, "verdicts": None}
    return Scorecard("macro-f1", "manifest", 0.5, None, missing=(), unlabelled=0, per_image=per_image, **nothing)


HITS = [(f"d{k:02}", 5, 10, 10, k / 40) for k in range(1, 31)]
OTHERS = [("miss", 0, 0, 9, 0.0), ("alarm", 0, 4, 0, 0.0), ("right", 0, 0, 0, 1.0), ("failed", 0, 0, None, 0.0)]


def test_kinds_are_what_they_say():
    shown, rest = pick_images(card_of(*HITS, *OTHERS), count=100)
    kinds = {pick.id: pick.kinds for pick in shown}
    assert not rest
    assert kinds["miss"] == ("miss",) and kinds["alarm"] == ("false alarm",)
    assert "right" not in kinds and "failed" not in kinds
    assert [id for id, kind in kinds.items() if "worst" in kind] == [f"d{k:02}" for k in range(1, 7)]
    assert {id for id, kind in kinds.items() if "best" in kind} == {f"d{k:02}" for k in range(25, 31)}
    assert {id for id, kind in kinds.items() if "typical" in kind} == {f"d{k:02}" for k in range(13, 19)}


def test_few_images_are_shown_once_with_all_their_kinds():
    shown, rest = pick_images(card_of(*HITS[:2]), count=100)
    assert [pick.id for pick in shown] == ["d01", "d02"] and not rest
    assert set(shown[0].kinds) == {"worst", "typical", "best"}
    assert pick_images(card_of(), count=100) == ([], [])


def test_beyond_the_count_misses_and_alarms_are_left_over():
    many = [(f"m{k}", 0, 0, 10 + k, 0.0) for k in range(5)] + [(f"a{k}", 0, 1 + k, 0, 0.0) for k in range(5)]
    shown, rest = pick_images(card_of(*HITS, *many), count=22)
    assert {pick.id for pick in shown if pick.id[0] in "ma"} == {"a4", "m4", "a3", "m3"}
    assert {pick.id for pick in rest} == {"m0", "m1", "m2", "a0", "a1", "a2"}


# ---- the figures ---------------------------------------------------------------------------------------------------


def test_precision_and_recall_by_hand():
    counts = np.zeros((2, LEVELS), np.int64)
    counts[0, [255, 128]] = 3, 1
    counts[1, [255, 128, 0]] = 1, 3, 92
    recall, precision = precision_recall(counts)
    assert recall[0] == 0.75 and precision[0] == 0.75
    assert recall[-1] == 1.0 and precision[-1] == pytest.approx(4 / 100)
    middle = np.flatnonzero(recall == 1.0)[0]
    assert precision[middle] == pytest.approx(4 / 8)


def test_calibration_by_hand_leaves_out_thin_bins():
    counts = np.zeros((2, LEVELS), np.int64)
    counts[:, 255] = 90, 10
    counts[:, 0] = 0, 1000
    counts[:, 128] = 1, 1
    found = calibration(counts)
    assert found.promised.tolist() == [0.0, 1.0]
    assert found.true.tolist() == [0.0, 0.9]


def seen_of(sizes, covered):
    sample = Sample("1", "dev", Path("1.tif"))
    return Seen(sample, "dirt", np.array(sizes, np.int64), np.array(covered, np.int64), None)


def test_sizes_by_hand():
    seen = [seen_of([5, 50], [0, 25]), seen_of([9, 20_000], [9, 20_000]), seen_of([], [])]
    assert size_counts(seen).tolist() == [2, 0, 1, 0, 0, 0, 0, 1]
    card = card_of(("1", 25, 25, 55, 0.625), ("2", 0, 0, 0, 1.0), ("3", 0, 0, 60, 0.0))
    rows = {row.label: row for row in size_rows(seen, card.per_image)}
    assert list(rows) == ["1-9", "30-99", "10,000 and more"]
    assert (rows["1-9"].defects, rows["1-9"].found, rows["1-9"].covered) == (2, 0.5, 0.5)
    assert (rows["30-99"].defects, rows["30-99"].found, rows["30-99"].covered) == (1, 1.0, 0.5)
    assert (rows["30-99"].images, rows["30-99"].score) == (2, pytest.approx(0.3125))
    assert rows["1-9"].score is None
    assert EDGES[0] == 1


def test_survey_counts_every_defect_and_pixel(tiny_data):
    dataset = open_dataset(tiny_data).select({"dev"})
    samples = dataset.samples[:3]
    seen = survey(
        dataset,
        samples,
        masks=lambda id, shape: {"dirt": np.ones(shape, bool)},
        maps=lambda id, head: np.full(images.image_size(samples[0].image), 0.5, np.float32),
    )
    assert [item.sample.id for item in seen] == [sample.id for sample in samples]
    for item in seen:
        rows, cols = images.image_size(item.sample.image)
        assert item.counts.sum() == rows * cols
        assert item.counts[0].sum() == item.sizes.sum()
        assert np.array_equal(item.covered, item.sizes)


def tables_of(score, tp, area, grid):
    count = len(score)
    whole = {name: np.array(v, np.int64) for name, v in {"tp": tp, "area": area, "grid": grid}.items()}
    return Tables(
        ids=("1", "2"),
        split=("train", "train"),
        object=np.arange(2),
        actual=np.array([20, 0]),
        rows=np.array([64, 64]),
        cols=np.array([64, 64]),
        image=np.arange(count) % 2,
        region=np.arange(count) // 2,
        parent=np.full(count, -1),
        filled_area=whole["area"],
        filled_tp=whole["tp"],
        score=np.array(score, np.float64),
        **whole,
    )


def test_surface_is_what_tuning_maximises():
    place = GRID.index((102, "none"))
    tables = tables_of([0.9, 0.3], [18, 0], [20, 30], [place, place])
    rule = replace(DEFAULT_RULE, low=102, region_cut=0.5)
    metric = METRICS["macro-f1"]
    surface = surface_around(tables, rule, metric)
    point = split_points(tables)[102, "none"]
    at = surface.lows.index(102), surface.cuts.index(0.5)
    assert surface.worth[at] == plateau(point, tables, rule, metric)
    assert surface.worth[at] == surface.worth.max()
    assert surface.chosen.score == pytest.approx((2 * 18 / 40 + 1) / 2)
    assert surface.worth.shape == (len(surface.lows), len(surface.cuts))


def test_regions_promise_their_share():
    place = GRID.index((102, "none"))
    tables = tables_of([0.82] * 20, [8] * 20, [10] * 20, [place] * 20)
    found = region_calibration(tables, replace(DEFAULT_RULE, low=102))
    assert found.promised == pytest.approx([0.82]) and found.true == pytest.approx([0.8])
    assert region_calibration(tables, replace(DEFAULT_RULE, low=103)).true.size == 0


# ---- what a person adds --------------------------------------------------------------------------------------------


def test_notes_fall_into_sections_and_stay_text(tmp_path, page):
    path = tmp_path / "notes.md"
    path.write_text(NOTES)
    sections = read_notes(path)
    assert [section.title for section in sections] == ["Notes", "What the data are like", "What would improve it"]
    html = "".join(html_of(block) for section in sections for block in section.blocks)
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "<a" not in html and "<img" not in html
    assert "<em>dark</em>" in html and "<td>data</td>" in html
    assert "What would improve it" in page.text and "Dirt is dark" in page.text.replace(" ;", ";")


def test_headings_within_code_and_lists_are_no_sections(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("# One\n```\n# not a heading\n```\n- # neither\n")
    assert [section.title for section in read_notes(path)] == ["One"]
    path.write_text("\n\n")
    assert read_notes(path) == ()


def test_studies_are_read_and_never_written(tmp_path):
    path = tmp_path / "study.db"
    url = f"sqlite:///{path}"
    search(
        lambda rule: rule.low / 255,
        name="dirt",
        trials=4,
        timeout_s=None,
        storage=url,
        seed=0,
        progress=lambda done, total: None,
    )
    before = path.read_bytes()
    (history,) = read_histories(url)
    assert (history.name, history.maximise, len(history.values)) == ("dirt", (True,), 4)
    assert path.read_bytes() == before
    with pytest.raises(ConfigError, match="no study there"):
        read_histories(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(ConfigError, match="no study there"):
        read_histories(str(tmp_path / "journal.log"))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["study.db"]
