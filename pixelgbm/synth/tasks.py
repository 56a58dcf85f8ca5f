"""The jobs that data can be drawn for, and what each has by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pixelgbm.synth import pairs, steel, straws, text, texture
from pixelgbm.synth.writing import Write, layout_writer

__all__ = ["TASKS", "Task"]


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of set.

    layout: its data layout. unit: what the counts count. counts: how many by default, of every split it may
    have. clean_share: by default; None leaves it to the plan. options: what this task alone can be told, with
    defaults. plan(counts, seed=, clean_share=, **options) -> jobs, which `write` draws. least_train: 1 where the
    layout is told by its train images.
    """

    layout: str
    unit: str
    counts: Mapping[str, int]
    clean_share: float | None
    plan: Callable[..., Sequence[Any]]
    write: Write
    options: Mapping[str, int | str] = field(default_factory=dict)
    least_train: int = 0


TASKS: dict[str, Task] = {
    "pairs": Task(
        layout="konica-minolta",
        unit="pairs",
        counts={"train": 240, "dev": 80, "test": 100},
        clean_share=None,
        plan=pairs.plan,
        write=pairs.write_set,
    ),
    "texture": Task(
        layout="textured-surfaces",
        unit="images",
        counts={"train": 330, "test": 120},
        clean_share=0.5,
        plan=texture.plan,
        write=layout_writer("textured-surfaces", texture.draw),
        options={"defects": 30},
        least_train=1,
    ),
    "straws": Task(
        layout="manifest",
        unit="straws of three views",
        counts={"train": 40, "dev": 10, "test": 15},
        clean_share=0.25,
        plan=straws.plan,
        write=layout_writer("manifest", straws.draw),
        options={"annotators": 0},
    ),
    "steel": Task(
        layout="steel",
        unit="images",
        counts={"train": 200, "test": 80},
        clean_share=0.5,
        plan=steel.plan,
        write=layout_writer("steel", steel.draw),
        least_train=1,
    ),
    "text": Task(
        layout="mask-folders",
        unit="images",
        counts={"train": 120, "dev": 40, "test": 60},
        clean_share=0.4,
        plan=text.plan,
        write=layout_writer("mask-folders", text.draw),
        options={"surface": "text"},
    ),
}
"""The tasks by name."""
