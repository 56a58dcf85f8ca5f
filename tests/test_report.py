"""Laws of the report: it stands alone, says what the score card says, and shows what there is and no more."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import small_print

from pixelgbm.__main__ import run
from pixelgbm.datasets import LAYOUTS, open_dataset
from pixelgbm.model import read_model, write_model
from pixelgbm.report import gallery
from pixelgbm.report.pdf import wrapped
from pixelgbm.report.writing import Request, write_report
from pixelgbm.training import train
from tests.test_report_notes import NOTES


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
    assert "What would improve it" in page.text and "Dirt is dark" in page.text.replace(" ;", ";")
    assert "18, and 0 excluded" in page.text
    assert sum(tag == "svg" and "aria-label" in found for tag, found in page.elements) > 5 * len(page.panels) + 5


def test_commands_and_provenance_are_exact(made, page, tiny_model, tiny_data):
    run_json = json.loads((made / "pred" / "run.json").read_text())
    assert run_json["model"] in page.text
    assert f"pixelgbm train {tiny_data} --out {tiny_model} --config run.toml --split train" in page.text
    assert f"pixelgbm predict {tiny_model} {tiny_data} --out {made / 'pred'} --split dev --probabilities" in page.text
    assert "num_leaves = 15" in page.text
    assert "made by another model" not in page.text


def test_calibration_is_told_before_and_after_it(page):
    for curve in ("pixels, predictions", "pixels, before calibration", "pixels, calibrated by other folds"):
        assert re.search(rf"{curve} 0\.\d{{5}} 0\.\d{{5}} 0\.\d{{5}}", page.text), curve


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


def test_commands_of_the_pdf_can_be_copied():
    line = "pixelgbm report 'a model' " + " ".join(f"--option-{k} value-{k}" for k in range(12)) + " 'last one'"
    parts = wrapped(line).split(" \\\n    ")
    assert len(parts) > 2 and max(map(len, parts)) < 110
    assert shlex.split(wrapped(line).replace("\\\n", "")) == shlex.split(line)
    assert wrapped("short = 1") == "short = 1"
    assert "\\" not in wrapped("families = [" + '"difference", ' * 12 + "]")


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


def test_a_model_from_before_maps_were_calibrated_is_told(made, tiny_model, tiny_data, tmp_path):
    older = read_model(tiny_model)
    older = replace(older, heads=tuple(replace(head, map_calibration=None) for head in older.heads))
    write_model(older, tmp_path / "model")
    dataset = open_dataset(tiny_data)
    request = Request(model=tmp_path / "model", data=tiny_data, pred=made / "pred", out=tmp_path / "out", timing=False)
    text = Page(write_report(request, dataset, dataset).page.read_text()).text
    assert "Trained again it will calibrate them" in text
    assert "calibrated by other folds" not in text


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
