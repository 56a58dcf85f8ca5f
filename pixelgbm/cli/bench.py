"""`pixelgbm bench`: what a pair costs on this machine, stage by stage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from pixelgbm import benchmark
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH
from pixelgbm.forest import prepare_engine, prepared_parts
from pixelgbm.images import image_size
from pixelgbm.machine import machine
from pixelgbm.model import Model, read_model
from pixelgbm.records import Sample

__all__ = ["command"]


@click.command("bench")
@click.argument("model", type=PATH, required=False)
@click.option("--image", type=PATH, help="Time this image.  [default: a pair is drawn]")
@click.option("--reference", type=PATH, help="The clean image of the same thing; with --image.")
@click.option("--repetitions", type=click.IntRange(1, 10_000), default=9, show_default=True, metavar="N")
@click.option("--level", type=click.IntRange(1, 3), default=3, show_default=True, help="Level of the pair drawn.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the pair drawn.")
@quiet_option
@json_option
def command(
    model: Path | None,
    image: Path | None,
    reference: Path | None,
    repetitions: int,
    level: int,
    seed: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Time a pair on this machine with one thread: the median of every stage, from the files to the answer.

    Without MODEL only the evidence is timed, of a lean first look and of all columns. $PIXELGBM_ENGINE chooses how
    trees are evaluated; `pixelgbm warm-up MODEL` compiles them.

    \b
    Example:
      pixelgbm bench demo/model
    """
    if reference is not None and image is None:
        raise click.UsageError("--reference belongs to --image, which was not given")
    console = Console(quiet=quiet, json_path=json_path)
    loaded = None if model is None else read_model(model)
    with _sample(image, reference, level=level, seed=seed) as sample:
        sizes = {
            name: "x".join(map(str, image_size(path)))
            for name, path in (("image", sample.image), ("reference", sample.reference))
            if path is not None
        }
        if loaded is None:
            timing = benchmark.time_extraction(sample, repetitions=repetitions)
        else:
            timing = benchmark.time_inspection(loaded, sample, repetitions=repetitions)
    engine = None if loaded is None else _engines(loaded)
    what = " against ".join(sizes.values()) + ("" if engine is None else f", trees: {engine}")
    rows = [[name, f"{ms:.2f}"] for name, ms in (*timing.stages_ms.items(), ("whole pair", timing.whole_ms))]
    console.say(f"{what}; medians of {repetitions}, one thread")
    console.table("", ("stage", "ms"), rows)
    console.say(f"{timing.pairs_per_second:.1f} pairs per second for one worker")
    if timing.peak_memory is not None:
        console.say(f"{timing.peak_memory / 1e6:.0f} MB held at most")
    facts = {"engine": engine, "threads": 1, "pairs_per_second": timing.pairs_per_second, "machine": machine()}
    console.result(sizes | asdict(timing) | facts)


@contextmanager
def _sample(image: Path | None, reference: Path | None, *, level: int, seed: int) -> Iterator[Sample]:
    """The user's image, or a pair drawn into a folder that is gone afterwards."""
    if image is not None:
        yield Sample(id=image.stem, split="", image=image, reference=reference)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield benchmark.draw_sample(Path(folder), level=level, seed=seed)


def _engines(model: Model) -> str:
    """What evaluated the trees, of all boosters of all looks."""
    parts = [part for head in model.heads for part in prepared_parts(head.boosters[0], head.early_exit)]
    parts += [booster for head in model.heads for booster in head.boosters[1:]]
    used = {prepare_engine(part, pixels=0) for part in parts}
    return " and ".join(sorted(used))
