import numpy as np

from pixelgbm.display import displayable
from pixelgbm.report.panels import FALSE, HIT, MISSED, Shown
from pixelgbm.report.sheet import SheetRow, draw_sheet, telling_ids

SCORES = {f"d{k}": k / 10 for k in range(10)} | {"c0": 1.0, "c1": 0.0, "c2": 1.0}
DIRTY = {id: id.startswith("d") for id in SCORES}


def test_the_sheet_shows_worst_and_best_and_the_worst_clean_images():
    ids = telling_ids(SCORES, DIRTY, count=5)
    assert len(ids) == len(set(ids)) == 5
    assert ids[0] == "d0"
    assert ids[-2] == "d9"
    assert ids[-1] == "c1"


def test_few_images_are_all_shown():
    assert set(telling_ids(SCORES, DIRTY, count=50)) == set(SCORES)
    assert telling_ids({"c": 1.0}, {"c": False}) == ("c",)
    assert telling_ids({"d": 0.5}, {"d": True}) == ("d",)
    assert telling_ids({}, {}) == ()


def row(dtype=np.uint8, reference=True, colour=True):
    shape = (60, 80, 3) if colour else (60, 80)
    grey = np.full(shape, 100 * (257 if dtype == np.uint16 else 1), dtype)
    truth, found = np.zeros((2, 60, 80), bool)
    truth[10:30, 10:30] = True
    found[10:30, 20:50] = True
    shown = displayable(grey)
    return SheetRow("7, level 1", Shown(shown, shown if reference else None, truth, found))


def test_hits_false_and_missed_pixels_have_their_colours():
    sheet = draw_sheet([row()])
    rows, cols = sheet.shape[:2]
    last = sheet[rows // 4 :, -cols // 4 :].reshape(-1, 3).astype(int)  # below the legend
    for colour in (HIT, FALSE, MISSED):
        assert (np.abs(last - colour).sum(axis=1) < 30).any(), colour


def test_depth_and_grey_do_not_change_the_sheet():
    assert np.array_equal(draw_sheet([row()]), draw_sheet([row(np.uint16)]))
    assert np.array_equal(draw_sheet([row()]), draw_sheet([row(colour=False)]))


def test_a_line_per_image_and_an_empty_sheet_is_drawn():
    one, three = draw_sheet([row()]), draw_sheet([row(reference=False)] * 3)
    assert three.shape[1] == one.shape[1]
    assert three.shape[0] > 2.5 * one.shape[0]
    assert draw_sheet([]).min() == 255
