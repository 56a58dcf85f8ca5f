"""Laws of pixelgbm.mapstore: what is read is what was written, and nothing is half-written."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pixelgbm.errors import ModelError
from pixelgbm.mapstore import Tables, joined, maps_folder, open_store, write_store
from pixelgbm.regions import GRID


def make_tables(seed: int = 0, images: int = 5, regions: int = 40) -> Tables:
    rng = np.random.default_rng(seed)
    area = rng.integers(1, 300, regions)
    return Tables(
        ids=tuple(f"{seed}-{k}" for k in range(images)),
        split=("train",) * images,
        object=np.arange(images) // 2,
        actual=rng.integers(0, 500, images),
        rows=np.full(images, 30),
        cols=np.full(images, 40),
        image=np.sort(rng.integers(0, images, regions)),
        grid=rng.integers(0, len(GRID), regions),
        region=np.arange(regions),
        parent=rng.integers(-1, 5, regions),
        area=area,
        filled_area=area + rng.integers(0, 5, regions),
        tp=area // 2,
        filled_tp=area // 2,
        score=rng.random(regions),
    )


def assert_equal(a: Tables, b: Tables) -> None:
    for field in fields(Tables):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name), err_msg=field.name)


@pytest.mark.parametrize("regions", [0, 40])
def test_what_is_read_is_what_was_written(tmp_path: Path, regions: int) -> None:
    tables, levels = make_tables(regions=regions), np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    with write_store(tmp_path / "model.maps") as writer:
        writer.map("dirt", "0-1", levels)
        writer.tables("dirt", tables)
        writer.tables("rust", make_tables(1))
        writer.finish(digest="abc", folds={"0-1": 2, "0-0": 0})
    store = open_store(tmp_path / "model.maps")
    assert (store.digest, store.heads, store.folds) == ("abc", ("dirt", "rust"), {"0-1": 2, "0-0": 0})
    assert_equal(store.tables("dirt"), tables)
    assert_equal(store.tables("rust"), make_tables(1))
    np.testing.assert_array_equal(store.map("dirt", "0-1"), levels)
    with pytest.raises(ModelError, match="no head 'dust'; known: dirt, rust"):
        store.tables("dust")


def test_views_of_an_object_stay_together_when_tables_are_joined_and_in_older_stores_each_image_is_one(
    tmp_path: Path,
) -> None:
    assert joined([make_tables(), make_tables(1, images=2)]).object.tolist() == [0, 0, 1, 1, 2, 3, 3]
    with write_store(tmp_path / "m.maps") as writer:
        writer.tables("dirt", make_tables())
        writer.finish(digest="abc", folds={})
    path = tmp_path / "m.maps" / "tables" / "dirt.images.parquet"
    pl.read_parquet(path).drop("object").write_parquet(path)
    assert open_store(tmp_path / "m.maps").tables("dirt").object.tolist() == [0, 1, 2, 3, 4]


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with write_store(tmp_path / name) as writer:
            writer.tables("dirt", make_tables())
            writer.finish(digest="abc", folds={})
    for path in sorted((tmp_path / "a").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_a_failure_leaves_the_old_store(tmp_path: Path) -> None:
    with write_store(tmp_path / "m.maps") as writer:
        writer.finish(digest="old", folds={})
    with pytest.raises(KeyboardInterrupt), write_store(tmp_path / "m.maps") as writer:
        writer.tables("dirt", make_tables())
        raise KeyboardInterrupt
    assert open_store(tmp_path / "m.maps").digest == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["m.maps"]


def test_missing_damaged_and_newer_stores_are_refused(tmp_path: Path) -> None:
    folder = maps_folder(tmp_path / "model")
    assert folder == tmp_path / "model.maps"
    with pytest.raises(ModelError, match=r"model\.maps: no out-of-fold maps; `pixelgbm train` writes them"):
        open_store(folder)
    with write_store(folder) as writer:
        writer.tables("dirt", make_tables())
        writer.finish(digest="abc", folds={})
    table = folder / "tables" / "dirt.regions.parquet"
    table.write_bytes(table.read_bytes()[:50])
    with pytest.raises(ModelError, match=r"dirt\.regions\.parquet: cannot be read"):
        open_store(folder).tables("dirt")
    table.unlink()
    with pytest.raises(ModelError, match=r"dirt\.regions\.parquet: cannot be read"):
        open_store(folder).tables("dirt")
    (folder / "tables" / "dirt.images.parquet").rename(table)
    with pytest.raises(ModelError, match=r"dirt\.images\.parquet: cannot be read"):
        open_store(folder).tables("dirt")
    index = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(index | {"format": 2}))
    with pytest.raises(ModelError, match="format 2; this pixelgbm reads 1"):
        open_store(folder)
    (folder / "store.json").write_text("{")
    with pytest.raises(ModelError, match="damaged or not of pixelgbm"):
        open_store(folder)


def test_joined_tables_keep_their_images() -> None:
    a, b = make_tables(0), make_tables(1, images=3, regions=0)
    c = make_tables(2, images=4)
    both = joined([a, b, c])
    assert both.ids == a.ids + b.ids + c.ids
    np.testing.assert_array_equal(
        np.array(both.ids)[both.image], np.array(a.ids)[a.image].tolist() + np.array(c.ids)[c.image].tolist()
    )
    assert_equal(joined([a]), a)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"actual": np.zeros(2, dtype=np.int64)}, "2 of actual for 5 images"),
        ({"score": np.zeros(3)}, "3 of score for 40 regions"),
        ({"image": np.full(40, 5)}, r"image lies outside 0\.\.4"),
        ({"grid": np.full(40, -1)}, "grid lies outside"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        replace(make_tables(), **changed)
