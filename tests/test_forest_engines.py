"""Laws of the engines: the same bits from all, whatever the trees; and the cache is never needed, nor trusted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgbm.errors import ConfigError, ModelError
from pixelgbm.forest import (
    EarlyExit,
    codecache,
    codegen,
    engines,
    parse_trees,
    predict_pixels,
    predict_planes,
    predict_rows,
    prepare_engine,
    split_trees,
)
from pixelgbm.forest.trees import Trees
from tests.test_forest import as_rows, booster_says, bytes_of, stump, train_text, write_model

EDGES = [-1.0, -1e-9, 0.0, 0.5, 127.0, 127.5, 128.0, 253.5, 254.0, 254.5, 255.0, 1e300]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIXELGBM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PIXELGBM_ENGINE", raising=False)
    return tmp_path / "cache"


def read(text: str) -> Trees:
    return parse_trees(text, where="booster.txt")


def grow(rng: np.random.Generator, leaves: int, columns: int, *, chain: bool) -> dict[str, object]:
    """The lines of a tree as LightGBM numbers it: each split turns a leaf into a node. chain: always the last leaf."""
    left, right = [], []
    parent_of = {0: (-1, 0)}
    for node in range(leaves - 1):
        leaf = node if chain else int(rng.integers(node + 1))
        above, side = parent_of[leaf]
        if above >= 0:
            (left, right)[side][above] = node
        left.append(~leaf)
        right.append(~(node + 1))
        parent_of[leaf], parent_of[node + 1] = (node, 0), (node, 1)
    thresholds = np.where(rng.random(leaves - 1) < 0.3, rng.choice(EDGES, leaves - 1), rng.uniform(0, 255, leaves - 1))
    return stump(
        num_leaves=leaves,
        split_feature=words(rng.integers(0, columns, leaves - 1)),
        split_gain=words(np.ones(leaves - 1)),
        threshold=words(thresholds),
        decision_type=words(np.full(leaves - 1, 2)),
        left_child=words(np.array(left)),
        right_child=words(np.array(right)),
        leaf_value=words(rng.normal(0, 0.3, leaves)),
        leaf_weight=words(np.ones(leaves)),
        leaf_count=words(np.full(leaves, 9)),
        internal_value=words(np.zeros(leaves - 1)),
        internal_weight=words(np.ones(leaves - 1)),
        internal_count=words(np.full(leaves - 1, 9)),
    )


def words(numbers: np.ndarray) -> str:
    return " ".join(repr(number) for number in numbers.tolist())


def model(seed: int, leaves: list[int], *, columns: int = 3, chain: bool = False) -> str:
    rng = np.random.default_rng(seed)
    return write_model([grow(rng, count, columns, chain=chain) for count in leaves], columns=columns)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.lists(st.sampled_from([1, 2, 3, 15, 16, 17, 31, 33, 48, 64, 65]), min_size=1, max_size=6),
    columns=st.integers(1, 5),
    chain=st.booleans(),
)
def test_engines_give_the_same_bits_and_what_lightgbm_gives(
    seed: int, leaves: list[int], columns: int, chain: bool
) -> None:
    text = model(seed, leaves, columns=columns, chain=chain)
    trees, rng = read(text), np.random.default_rng(seed)
    planes = rng.choice(np.array([0, 1, 126, 127, 128, 254, 255]), (columns, 9, 17)).astype(np.uint8)
    planes[:, 4:] = bytes_of(rng, columns, 5, 17)
    found = predict_planes(trees, planes, engine="llvm")
    np.testing.assert_array_equal(found, predict_planes(trees, planes, engine="numba"))
    np.testing.assert_allclose(found.ravel(), booster_says(text, as_rows(planes)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("leaves", [[128, 1, 129], [256], [257, 3], [300]])
def test_large_trees(leaves: list[int]) -> None:
    text = model(1, leaves)
    trees, planes = read(text), bytes_of(np.random.default_rng(2), 3, 8, 8)
    found = predict_planes(trees, planes, engine="llvm")
    np.testing.assert_array_equal(found, predict_planes(trees, planes, engine="numba"))
    np.testing.assert_allclose(found.ravel(), booster_says(text, as_rows(planes)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("pixels", [0, 1, 63, 64, 65, 2047, 2048, 2049, 5000])
@pytest.mark.parametrize("engine", ["numba", "llvm"])
def test_pixels_equal_the_planes_there(engine: engines.Engine, pixels: int) -> None:
    trees, rng = read(model(3, [1, 31, 7], columns=4)), np.random.default_rng(pixels)
    planes = bytes_of(rng, 4, 50, 101)
    chosen = rng.integers(0, planes[0].size, pixels)
    whole = predict_planes(trees, planes, engine="numba")
    np.testing.assert_array_equal(predict_pixels(trees, planes, chosen, engine=engine), whole.ravel()[chosen])
    np.testing.assert_array_equal(
        predict_planes(trees, planes.reshape(4, 1, -1)[:, :, :pixels], engine=engine)[0], whole.ravel()[:pixels]
    )


@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3"])
def test_code_for_lesser_machines_gives_the_same_bits(cpu: str) -> None:
    host = codegen.this_host()
    if not host.triple.startswith("x86_64"):
        pytest.skip("made for another family of machines")
    if cpu == "x86-64-v3" and "+avx2" not in host.features.split(","):
        pytest.skip("no AVX2 here")
    trees, planes = read(model(4, [31, 2, 70, 257])), bytes_of(np.random.default_rng(4), 3, 10, 30)
    lesser = codegen.Host(host.triple, cpu, "")
    raw, expected = np.zeros(300), np.zeros(300)
    codegen.add_trees(codegen.link(trees, codegen.compile_trees(trees, lesser)), planes.reshape(3, -1), None, raw)
    engines.traverse.add_trees(trees, planes.reshape(3, -1), expected)
    np.testing.assert_array_equal(raw, expected)


@pytest.mark.parametrize("wrong", [[-1], [6], [0, 10**9]])
def test_a_pixel_outside_the_plane_is_refused(wrong: list[int]) -> None:
    with pytest.raises(IndexError, match=r"a plane has 0\.\.5"):
        predict_pixels(read(train_text(0)), np.zeros((4, 2, 3), dtype=np.uint8), np.array(wrong))


def test_compiled_trees_are_kept_and_found_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, planes = model(5, [7, 9]), bytes_of(np.random.default_rng(5), 3, 5, 5)
    trees = read(text)
    assert prepare_engine(trees, pixels=engines.WORTH_COMPILING - 1) == "numba"
    assert not cache.exists()
    assert prepare_engine(trees) == "llvm"
    assert [path.suffix for path in cache.iterdir()] == [".o"]
    expected = predict_planes(trees, planes, engine="numba")

    def refuse(*_: object) -> bytes:
        raise AssertionError("compiled again")

    monkeypatch.setattr(codegen, "compile_trees", refuse)
    again = read(text)
    np.testing.assert_array_equal(predict_planes(again, planes), expected)
    assert prepare_engine(again, pixels=1) == "llvm"


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "other"])
def test_a_damaged_file_is_thrown_away(cache: Path, damage: str) -> None:
    text = model(6, [5])
    prepare_engine(read(text))
    (path,) = cache.iterdir()
    data = path.read_bytes()
    middle = len(data) // 2
    if damage == "other":  # a sound file under a wrong name
        other = codecache.key_of(read(model(7, [5])), codegen.this_host())
        path.rename(path.with_name(f"{other}.o"))
        assert codecache.load(other) is None
        return
    path.write_bytes(
        {"flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :], "truncate": data[:-1], "empty": b""}[
            damage
        ]
    )
    assert prepare_engine(read(text), pixels=0) == "numba"
    assert not path.exists()
    assert prepare_engine(read(text)) == "llvm"
    assert path.read_bytes() == data


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system's files have no such owner")
def test_a_file_everybody_may_write_is_not_read(cache: Path) -> None:
    trees = read(model(6, [5]))
    prepare_engine(trees)
    (path,) = cache.iterdir()
    path.chmod(0o666)
    assert codecache.load(path.stem) is None


def test_a_cache_that_is_off_or_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planes = bytes_of(np.random.default_rng(8), 3, 4, 4)
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    for folder in ("off", str(tmp_path / "file" / "cache"), str(tmp_path / "file")):
        monkeypatch.setenv("PIXELGBM_CACHE", folder)
        trees = read(model(8, [4]))
        np.testing.assert_array_equal(
            predict_planes(trees, planes, engine="llvm"), predict_planes(trees, planes, engine="numba")
        )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    monkeypatch.delenv("PIXELGBM_CACHE")
    assert codecache.cache_folder() == tmp_path / "xdg" / "pixelgbm"


def test_the_oldest_files_give_way(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecache, "_KEPT", 2)
    for age, key in enumerate("abc"):
        codecache.store(key, b"code")
        os.utime(cache / f"{key}.o", (age, age))
    codecache.store("d", b"code")
    assert sorted(path.stem for path in cache.iterdir()) == ["c", "d"]


def test_auto_compiles_when_it_has_become_worth_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "WORTH_COMPILING", 100)
    trees, planes = read(model(9, [8, 8])), bytes_of(np.random.default_rng(9), 3, 6, 10)
    first = predict_planes(trees, planes)
    assert not cache.exists()
    np.testing.assert_array_equal(predict_planes(trees, planes), first)
    assert len(list(cache.iterdir())) == 1


def test_the_environment_chooses_the_engine(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees, planes = read(model(10, [4])), np.zeros((3, 2, 2), dtype=np.uint8)
    monkeypatch.setenv("PIXELGBM_ENGINE", "numba")
    assert prepare_engine(trees) == "numba"
    predict_planes(trees, planes)
    assert not cache.exists()
    monkeypatch.setenv("PIXELGBM_ENGINE", "llvm")
    predict_planes(trees, planes)
    assert cache.exists()
    monkeypatch.setenv("PIXELGBM_ENGINE", "gpu")
    with pytest.raises(ConfigError, match=r"PIXELGBM_ENGINE='gpu'; allowed: auto, numba, llvm"):
        predict_planes(trees, planes)


def test_a_booster_that_cannot_be_compiled_stays_with_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codegen, "MAX_NODES", 3)
    trees, planes = read(model(11, [9])), np.zeros((3, 2, 2), dtype=np.uint8)
    assert prepare_engine(trees) == "numba"
    predict_planes(trees, planes)
    with pytest.raises(ModelError, match=r"'llvm' cannot be had: a booster of 8 nodes .* use 'auto' or 'numba'"):
        predict_planes(trees, planes, engine="llvm")


def test_threads_share_one_compilation_and_the_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "WORTH_COMPILING", 1)
    trees, planes = read(model(12, [31] * 8)), bytes_of(np.random.default_rng(12), 3, 40, 60)
    expected = predict_planes(trees, planes, engine="numba")
    compiled: list[int] = []
    compile_trees = codegen.compile_trees

    def count(trees: Trees, host: codegen.Host) -> bytes:
        compiled.append(threading.get_ident())
        return compile_trees(trees, host)

    monkeypatch.setattr(codegen, "compile_trees", count)
    found: list[np.ndarray] = []
    start = threading.Barrier(4)

    def work(engine: engines.Engine) -> None:
        start.wait()
        found.extend(predict_planes(trees, planes, engine=engine) for _ in range(5))

    threads = [threading.Thread(target=work, args=(engine,)) for engine in ("auto", "auto", "llvm", "llvm")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(compiled) == 1
    assert len(found) == 20
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_prediction_imports_neither_lightgbm_nor_scikit_image() -> None:
    code = (
        "import sys, numpy as np, pixelgbm.inspection\n"
        "from pixelgbm.forest import parse_trees, predict_planes\n"
        "trees = parse_trees(sys.stdin.read(), where='booster.txt')\n"
        "predict_planes(trees, np.zeros((3, 2, 2), np.uint8), engine='llvm')\n"
        "print(sorted({'lightgbm', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=model(13, [3]), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_split_booster_adds_up_to_the_whole() -> None:
    text = model(5, [7, 31, 1, 12, 5], columns=4)
    trees, planes = read(text), bytes_of(np.random.default_rng(5), 4, 8, 9)
    for count in range(1, 5):
        parts = split_trees(trees, count)
        assert [part.count for part in parts] == [count, 5 - count]
        rows = as_rows(planes)
        raw = sum(np.log(p / (1 - p)) for p in (predict_rows(part, rows) for part in parts))
        expected = booster_says(text, rows)
        np.testing.assert_allclose(raw, np.log(expected / (1 - expected)), atol=1e-9)
        assert len({part.digest for part in (trees, *parts)}) == 3
    for count in (0, 5, 6):
        with pytest.raises(ModelError, match=f"a booster of 5 trees cannot be split after {count}"):
            split_trees(trees, count)


@pytest.mark.parametrize("engine", ["numba", "llvm"])
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_who_does_not_leave_early_is_given_the_same_bits(engine: engines.Engine, share: float) -> None:
    trees, planes = read(model(6, [9, 31, 15, 20], columns=4)), bytes_of(np.random.default_rng(6), 4, 40, 70)
    first, _ = split_trees(trees, 2)
    partial = predict_planes(first, planes, engine="numba")
    cut = float(np.clip(np.quantile(partial, share) + (1e-3 if share == 1 else -1e-6), 1e-6, 1 - 1e-6))
    early = EarlyExit(trees=2, cut=cut, judged=1 - share, pixels_lost=0, metric_lost=0)
    found = predict_planes(trees, planes, early=early, engine=engine)
    stays = partial >= cut
    np.testing.assert_array_equal(found, np.where(stays, predict_planes(trees, planes, engine="numba"), 0))
    assert (stays.all(), stays.any()) == (share == 0, share < 1)


@pytest.mark.parametrize("change", [{"trees": 0}, {"cut": 0.0}, {"cut": 1.0}, {"judged": 1.5}])
def test_an_impossible_early_exit_is_refused(change: dict[str, float]) -> None:
    values = {"trees": 3, "cut": 0.1, "judged": 0.1, "pixels_lost": 0.0, "metric_lost": 0.0}
    assert EarlyExit.from_dict(values).to_dict() == values
    with pytest.raises(ModelError, match="early exit"):
        EarlyExit.from_dict(values | change)
    with pytest.raises(ModelError, match="early exit: trees, cut"):
        EarlyExit.from_dict({"trees": 3})
