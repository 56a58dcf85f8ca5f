"""Laws of the gallery: which images are shown, and why."""

from pixelgbm.report.gallery import pick_images
from tests.small_card import card_of

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
