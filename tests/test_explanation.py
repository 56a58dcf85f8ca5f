"""Laws of explanation: the numbers add up to what was predicted, and the reasons are those of the decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from features import FAMILIES, FeatureSpec
from pixelgbm import training
from pixelgbm.calibration import IDENTITY
from pixelgbm.config import RunConfig
from pixelgbm.decision import Rule
from pixelgbm.errors import ConfigError
from pixelgbm.explanation import MOST_FAINT, MOST_PIXELS, Explanation, Failed, explain_pair
from pixelgbm.explanation.contributions import contributions, gains
from pixelgbm.explanation.families import attribute, family_of, family_sums
from pixelgbm.explanation.pictures import LEAST_PANEL, full_colour, heat_map, write_pictures
from pixelgbm.explanation.spots import Spot, failed_at, spots_of
from pixelgbm.forest.traverse import add_trees
from pixelgbm.images import read_image
from pixelgbm.inspection import inspect_pair, judge
from pixelgbm.mapping import HeadMap, first_stack, map_looks, prepare_pair
from pixelgbm.model import Head, Model
from pixelgbm.records import Pair
from tests.small_print import TINY, TINY_BEST, draw_contest, labelled

PLAIN = Rule(low=102, operation="none", min_area=6, region_cut=0.5, fill_holes=False)


def _trained(config: RunConfig, folder: Path) -> Model:
    return training.train(draw_contest(folder / "data"), config, out=folder / "model")


@pytest.fixture(scope="module")
def one_look(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _trained(TINY, tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def three_looks(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _trained(TINY_BEST, tmp_path_factory.mktemp("three"))


@pytest.fixture(params=["one_look", "three_looks"])
def model(request: pytest.FixtureRequest) -> Model:
    found: Model = request.getfixturevalue(request.param)
    return found


def _seen(model: Model, pair: Pair) -> list[HeadMap]:
    scene = prepare_pair(model.looks[0], pair)
    return list(
        map_looks(model.looks, model.heads[0], scene, None, first=first_stack(model.looks[0], scene), lasting=True)
    )


def _with_rule(model: Model, **changes: object) -> Model:
    head = model.heads[0]
    return replace(model, heads=(replace(head, rule=replace(head.rule, **changes)),))  # type: ignore[arg-type]


@pytest.mark.parametrize("look", [1, 2, 3])
def test_contributions_add_up_to_the_raw_score_of_our_own_forest(three_looks: Model, look: int) -> None:
    seen = _seen(three_looks, labelled(1).pair)[:look]
    booster, planes = three_looks.heads[0].boosters[look - 1], seen[-1].stack.planes
    pixels = np.flatnonzero(seen[0].levels >= 26)
    raw = np.zeros(pixels.size)
    add_trees(booster, np.ascontiguousarray(planes.reshape(len(planes), -1)[:, pixels]), raw)
    boosters = three_looks.heads[0].boosters[:look]
    told = attribute(three_looks.looks[:look], boosters, [mapped.stack for mapped in seen], pixels)
    np.testing.assert_allclose(told.values.sum(axis=1) + told.base, raw, rtol=1e-6)
    assert np.abs(raw).min() > 1e-3
    assert "context" not in told.families


def test_a_pixels_log_odds_are_those_of_its_raw_probability(model: Model) -> None:
    for at in ((38, 36), (0, 0)):
        pixel = explain_pair(model, labelled(1).pair, at=at).heads[0].pixel
        assert pixel is not None
        raw = pixel.raw_probability
        assert pixel.evidence.log_odds == pytest.approx(np.log(raw / (1 - raw)), rel=1e-4)


def test_probabilities_are_those_of_the_calibrated_map(model: Model) -> None:
    pair = labelled(1).pair
    head, promised = explain_pair(model, pair, at=(38, 36)).heads[0], inspect_pair(model, pair).probabilities["dirt"]
    assert head.pixel is not None
    assert np.array_equal(head.probability, promised)
    assert head.pixel.probability == promised[38, 36] != head.pixel.raw_probability
    for item in head.regions:
        top, left, bottom, right = item.region.bbox
        inside = promised[top:bottom, left:right]
        assert inside.min() <= item.probability <= inside.max()


def test_nothing_to_explain_is_no_error(one_look: Model) -> None:
    booster = one_look.heads[0].boosters[0]
    assert contributions(booster, np.zeros((0, len(booster.columns)), np.uint8)).shape == (0, len(booster.columns) + 1)
    assert gains(booster).sum() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_column_names_its_family(family: str) -> None:
    assert {family_of(column) for column in FeatureSpec((family,)).columns} == {family}


FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(arrays.arrays(np.float64, (5, 3), elements=FINITE), arrays.arrays(np.float64, (5, 2), elements=FINITE))
def test_context_is_shared_out_without_loss_and_towards_who_spoke_its_way(
    values: np.ndarray, before: np.ndarray
) -> None:
    sums = family_sums(values, ("gabor.a", "context.b", "colour.c"), ("gabor", "colour"), before=before)
    np.testing.assert_allclose(sums.sum(axis=1), values.sum(axis=1), rtol=1e-9, atol=1e-6)
    given_out = sums - values[:, [0, 2]]
    context = values[:, 1, np.newaxis]
    assert (given_out * np.sign(context) >= -1e-6).all()
    against = (before * np.sign(context) < 0) & (before * np.sign(context) > 0).any(axis=1, keepdims=True)
    assert np.abs(given_out[against]).max(initial=0) <= 1e-6


def test_context_goes_in_proportion_to_the_look_before() -> None:
    columns, families = ("context.a", "context.b"), ("gabor", "colour")
    before = np.array([[3.0, 1.0], [-3.0, 1.0], [-3.0, -1.0], [0.0, 0.0]])
    sums = family_sums(np.tile([1.5, 0.5], (4, 1)), columns, families, before=before)
    np.testing.assert_allclose(sums, [[1.5, 0.5], [0.0, 2.0], [1.5, 0.5], [1.0, 1.0]])


@pytest.mark.parametrize(
    "changes",
    [{}, {"region_cut": -1.0, "min_area": 0}, {"trim": 0.3, "region_cut": 0.0}, {"gate": 2.0}, {"fill_holes": True}],
    ids=str,
)
def test_verdict_and_regions_are_those_of_inspect(model: Model, changes: dict[str, object]) -> None:
    model = _with_rule(model, **changes)
    for number in (1, 2, 3):
        pair = labelled(number).pair
        explained, inspected = explain_pair(model, pair), inspect_pair(model, pair)
        found = [item.region for item in explained.heads[0].regions if item.failed is None]
        assert (tuple(found), explained.verdict) == (inspected.regions, inspected.verdict)
        assert np.array_equal(explained.heads[0].found, inspected.masks["dirt"])


def test_a_hidden_reference_is_not_shown(one_look: Model) -> None:
    pair = labelled(1).pair
    with_it, without = explain_pair(one_look, pair), explain_pair(one_look, Pair(pair.test))
    assert with_it.reference is not None
    assert with_it.reference.shape == pair.test.shape
    assert without.reference is None
    assert without.verdict.flags == ("no reference",)


@pytest.mark.parametrize("at", [(-1, 0), (0, -1), (64, 0), (0, 64)])
def test_a_pixel_outside_the_image_is_refused(one_look: Model, at: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="rows are 0 to 63"):
        explain_pair(one_look, labelled(1).pair, at=at)


def test_a_pixel_is_explained_by_the_last_look_that_judged_it(three_looks: Model) -> None:
    def asked(at: tuple[int, int]) -> Explanation:
        return explain_pair(_with_rule(three_looks, region_cut=-1.0), labelled(1).pair, at=at)

    inside = asked((38, 36)).heads[0].pixel
    assert inside is not None
    assert (inside.look, inside.failed, inside.region) == (3, None, 0)
    outside = asked((2, 2)).heads[0].pixel
    assert outside is not None
    cut = three_looks.heads[0].survivor_cut
    assert outside.failed == Failed("survivor_cut", outside.raw_probability, cut)
    assert (outside.look, outside.region) == (1, None)


def _judged(head: Head, stack_of: HeadMap, levels: np.ndarray, rule: Rule) -> tuple[Head, HeadMap, list[Spot]]:
    head = replace(head, rule=rule, region_booster=None, calibration=IDENTITY)
    mapped = HeadMap(stack_of.stack, levels / np.float32(255), levels, levels)
    return head, mapped, spots_of(head, mapped, judge(head, mapped))


@pytest.fixture(scope="module")
def blank(one_look: Model) -> HeadMap:
    return _seen(one_look, labelled(3).pair)[-1]


def _drawn() -> np.ndarray:
    """A sure square, a speck, an unsure square, a faint one."""
    levels = np.zeros((64, 64), np.uint8)
    levels[5:15, 5:15] = 204
    levels[5:7, 40:42] = 204
    levels[30:35, 5:10] = 110
    levels[30:34, 40:44] = 51
    return levels


def _tests(spots: list[Spot]) -> list[tuple[int, str | None]]:
    return [(spot.region.area, spot.failed.test if spot.failed else None) for spot in spots]


def test_every_rejected_region_names_the_first_test_it_failed(one_look: Model, blank: HeadMap) -> None:
    _, _, spots = _judged(one_look.heads[0], blank, _drawn(), PLAIN)
    assert _tests(spots) == [(100, None), (25, "region_cut"), (4, "min_area"), (16, "low")]
    failed = [spot.failed for spot in spots[1:]]
    assert failed[0] == Failed("region_cut", pytest.approx(110 / 255), 0.5)
    assert failed[1] == Failed("min_area", 4, 6)
    assert failed[2] == Failed("low", pytest.approx(0.2), pytest.approx(0.4))
    assert spots[3].region.bbox == (30, 40, 34, 44)
    assert spots[3].region.centroid == (31.5, 41.5)
    assert np.isnan(spots[3].region.score)


def test_the_gate_closes_on_the_best_region(one_look: Model, blank: HeadMap) -> None:
    _, _, spots = _judged(one_look.heads[0], blank, _drawn(), replace(PLAIN, gate=0.9))
    assert spots[0].failed == Failed("gate", pytest.approx(0.8), 0.9)
    assert _tests(spots)[1:] == [(25, "region_cut"), (4, "min_area"), (16, "low")]


def test_what_an_operation_removes_is_named_by_it(one_look: Model, blank: HeadMap) -> None:
    levels = np.zeros((64, 64), np.uint8)
    levels[20, 10:30] = 204
    _, _, spots = _judged(one_look.heads[0], blank, levels, replace(PLAIN, operation="open"))
    assert [spot.failed for spot in spots] == [Failed("operation", 0, 1)]


def test_the_lightest_of_too_many_regions_are_named(one_look: Model, blank: HeadMap) -> None:
    levels = np.zeros((64, 64), np.uint8)
    levels[::4, ::4] = 204
    levels[0, 0] = 153
    _, _, spots = _judged(one_look.heads[0], blank, levels, replace(PLAIN, min_area=1))
    dropped = [spot for spot in spots if spot.failed is not None]
    assert len(dropped) == 256 - 64
    assert {spot.failed.test for spot in dropped if spot.failed} == {"max_regions"}
    assert dropped[-1].failed == Failed("max_regions", pytest.approx(0.6), pytest.approx(0.8))


def test_trim_names_what_a_region_and_its_parts_promised(one_look: Model, blank: HeadMap) -> None:
    levels = np.zeros((64, 64), np.uint8)
    levels[5:15, 5:15] = 110
    levels[8:12, 8:12] = 255
    for trim, tests in ((0.6, [(16, None)]), (1.0, [(100, "trim")])):
        rule = replace(PLAIN, trim=trim, region_cut=0.0)
        head, mapped, spots = _judged(one_look.heads[0], blank, levels, rule)
        assert _tests(spots) == tests
        judged = judge(head, mapped)
        rim = failed_at(5 * 64 + 5, spots, head, mapped, judged)
        mean = (84 * 110 + 16 * 255) / 100 / 255
        if trim == 1.0:
            assert rim == spots[0].failed == Failed("trim", pytest.approx(1.0), 1.0)
        else:
            assert rim == Failed("trim", pytest.approx(100 * (mean - trim)), pytest.approx(16 * (1 - trim)))
            assert failed_at(9 * 64 + 9, spots, head, mapped, judged) is None


def test_a_pixel_beside_everything_fails_on_its_own(one_look: Model, blank: HeadMap) -> None:
    head, mapped, spots = _judged(one_look.heads[0], blank, _drawn(), PLAIN)
    judged = judge(head, mapped)
    assert failed_at(0, spots, head, mapped, judged) == Failed("low", 0.0, pytest.approx(0.4))
    assert failed_at(5 * 64 + 40, spots, head, mapped, judged) == Failed("min_area", 4, 6)


def test_many_pixels_are_thinned_and_every_region_keeps_one(one_look: Model) -> None:
    rng = np.random.default_rng(0)
    pair = Pair(rng.integers(0, 256, (90, 90, 3)).astype(np.uint8))
    model = _with_rule(one_look, low=26, region_cut=2.0)
    (head,) = explain_pair(model, pair).heads
    whole = sum(item.region.area for item in head.regions)
    assert sum(item.explained for item in head.regions) <= min(whole, MOST_PIXELS + len(head.regions))
    assert min((item.explained for item in head.regions), default=1) >= 1
    assert sum(np.isnan(item.region.score) for item in head.regions) <= MOST_FAINT


def test_heat_is_what_the_families_said_of_the_regions(three_looks: Model) -> None:
    (head,) = explain_pair(three_looks, labelled(1).pair).heads
    areas = sum(item.region.area for item in head.regions)
    for family, heat in head.heat.items():
        known = ~np.isnan(heat)
        assert known.sum() == areas > 0
        whole = sum(item.evidence.families[family] * item.region.area for item in head.regions)
        assert heat[known].sum() == pytest.approx(whole, rel=1e-4, abs=1e-3)


def test_pictures_are_written_for_every_family(three_looks: Model, tmp_path: Path) -> None:
    pair = labelled(1).pair
    explained = explain_pair(three_looks, pair, at=(5, 5))
    written = write_pictures(pair.test, explained, tmp_path / "why")
    heat = explained.heads[0].heat
    assert [path.stem for path in written] == ["dirt-contact", *(f"dirt-{family}" for family in heat)]
    contact, _ = read_image(written[0])
    assert contact.shape[0] >= 2 * LEAST_PANEL
    assert contact.shape[1] >= 4 * LEAST_PANEL
    difference, _ = read_image(tmp_path / "why" / "dirt-difference.png")
    assert difference.shape == (64, 64, 3)
    red, _, blue = difference[38, 36].astype(int)
    assert red > blue + 50


def test_heat_maps_are_red_for_blue_against_and_grey_elsewhere() -> None:
    heat = np.array([[2.0, -2.0, 0.0, np.nan]], np.float32)
    red, _, blue = np.moveaxis(heat_map(np.full((1, 4), 100, np.uint8), heat, limit=2.0)[0].astype(int), 1, 0)
    assert red[0] > blue[0] + 100
    assert blue[1] > red[1] + 100
    assert (red == blue)[2:].all()
    assert full_colour({"a": heat}) == pytest.approx(2.0)
    assert full_colour({"a": heat[:, 3:]}) > 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (3, 900, 3), (700, 5)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_any_size_and_depth_is_explained_and_drawn(
    one_look: Model, tmp_path: Path, shape: tuple[int, ...], kind: type
) -> None:
    pair = Pair(np.full(shape, 100, kind))
    explained = explain_pair(one_look, pair, at=(0, 0))
    assert all(path.is_file() for path in write_pictures(pair.test, explained, tmp_path))
