"""`pixelgbm predict`: the defects in every image of a data folder."""

from __future__ import annotations

from pathlib import Path

import click

from pixelgbm import inspection
from pixelgbm.cli.console import Console, json_option, quiet_option
from pixelgbm.cli.options import PATH, data_options, list_data, min_size_options, say_excluded, workers_option
from pixelgbm.datasets import LAYOUTS, data_digest
from pixelgbm.mapping import References
from pixelgbm.min_size import MinSize, parse_min_size
from pixelgbm.model import Model, read_model
from pixelgbm.predictions import WITHOUT_REFERENCES, PredictionWriter
from pixelgbm.records import Dataset
from pixelgbm.startup import load_numba

__all__ = ["command"]


@click.command("predict")
@click.argument("model", type=PATH)
@click.argument("data", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="PRED", help="Folder of the predictions to write.")
@click.option("--split", "splits", multiple=True, metavar="S", help="Repeatable.  [default: all]")
@click.option("--resume", is_flag=True, help="Go on where an earlier run into PRED stopped.")
@click.option("--probabilities", is_flag=True, help="Also keep maps of calibrated probability (16 bit).")
@min_size_options
@click.option(
    "--without-references",
    is_flag=True,
    help=f"Predict a second time with every reference hidden, into PRED/{WITHOUT_REFERENCES}; score then shows both.",
)
@data_options
@workers_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    data: Path,
    out: Path,
    splits: tuple[str, ...],
    resume: bool,
    probabilities: bool,
    min_size: str | None,
    px_per_mm: float | None,
    without_references: bool,
    layout: str | None,
    contest_exclusions: bool,
    workers: int,
    quiet: bool,
    json_path: Path | None,
) -> None:
    """Find the defects in every image; a file that cannot be read is skipped and listed, and the exit code is 2.

    \b
    Example:
      pixelgbm predict demo/model demo/data --split test --out demo/predictions
    """
    console = Console(quiet=quiet, json_path=json_path)
    least = None if min_size is None else parse_min_size(min_size, px_per_mm=px_per_mm)
    load_numba()
    loaded = read_model(model, keep_texts=False)
    dataset = list_data(data, layout=layout, contest_exclusions=contest_exclusions, splits=splits)
    say_excluded(console, dataset)
    passes: list[tuple[Path, References]] = [(out, "use")]
    if without_references:
        passes.append((out / WITHOUT_REFERENCES, "drop"))
    failures: dict[str, str] = {}
    for folder, references in passes:
        failures |= _fill(
            console,
            loaded,
            dataset,
            folder,
            references=references,
            resume=resume,
            probabilities=probabilities,
            min_size=least,
            workers=workers,
        )
    for id, reason in failures.items():
        console.error(f"{id}: {reason}")
    done = len(dataset.samples) - len(failures)
    console.say(f"{out}: {done} of {len(dataset.samples)} images done, {len(failures)} failed")
    can_answer = LAYOUTS[dataset.layout].write_answer is not None
    console.result(
        {
            "predictions": str(out),
            "layout": dataset.layout,
            "answer": can_answer,
            "images": len(dataset.samples),
            "failures": failures,
        }
    )
    if failures:
        context.exit(2)


def _fill(
    console: Console,
    model: Model,
    dataset: Dataset,
    folder: Path,
    *,
    references: References,
    resume: bool,
    probabilities: bool,
    min_size: MinSize | None,
    workers: int,
) -> dict[str, str]:
    """One pass over the images into one PRED folder; returns the reason for every image that failed."""
    writer = PredictionWriter(
        folder,
        model_digest=model.digest,
        data_digest=data_digest(dataset),
        layout=dataset.layout,
        ids=[sample.id for sample in dataset.samples],
        objects={sample.id: sample.object_id for sample in dataset.samples if sample.object_id},
        heads=[head.name for head in model.heads],
        probabilities=probabilities,
        min_size=None if min_size is None else str(min_size),
        resume=resume,
    )
    with writer, console.progress() as progress:
        return inspection.inspect_into(
            writer,
            model,
            dataset,
            min_size=min_size,
            references=references,
            workers=workers,
            progress=progress,
        )
