"""Score cards made by hand, for the tests of what shows them."""

from pixelgbm.scorecard import ImageScore, Scorecard


def card_of(*rows):
    per_image = tuple(
        ImageScore(id, "dirt", "1", None, None, tp, predicted, actual, score)
        for id, tp, predicted, actual, score in rows
    )
    nothing = {"per_level": {}, "per_head": {}, "per_group": {}, "excluded": {}, "failures": {}}
    nothing |= {"group_mean": None, "verdicts": None}
    return Scorecard("macro-f1", "manifest", 0.5, None, missing=(), unlabelled=0, per_image=per_image, **nothing)
