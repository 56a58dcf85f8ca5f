"""Making a report: everything is measured once, put into sections, and written as a page and as a PDF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelgbm import files
from pixelgbm.ablation import read_ablation
from pixelgbm.comparison import Maps, maps_of, masks_of
from pixelgbm.errors import ModelError, SubmissionError
from pixelgbm.evaluation import score_path
from pixelgbm.mapstore import MapStore, maps_folder
from pixelgbm.metrics import METRICS
from pixelgbm.model import Model, read_model
from pixelgbm.predictions import Predictions, read_predictions
from pixelgbm.records import Dataset, Sample
from pixelgbm.report import repeat, sections
from pixelgbm.report.ablation import ablation_tables
from pixelgbm.report.curves import region_calibration
from pixelgbm.report.document import Report, Section
from pixelgbm.report.gallery import pick_images, read_rows
from pixelgbm.report.notes import read_notes
from pixelgbm.report.page import render_page
from pixelgbm.report.pdf import render_pdf
from pixelgbm.report.pixels import pixels_section
from pixelgbm.report.promises import Promises, promised_by_other_folds
from pixelgbm.report.repeat import Request
from pixelgbm.report.surface import surface_around
from pixelgbm.report.survey import Seen, survey
from pixelgbm.report.timing import time_stages
from pixelgbm.report.trained import Trained, find_trained
from pixelgbm.scorecard import Scorecard
from pixelgbm.tuning.study import History, read_histories

__all__ = ["Request", "Written", "write_report"]

Progress = Callable[[int, int, str], None]

BOOTSTRAP_SEED, RESAMPLES = 0, 2000


@dataclass(frozen=True, slots=True)
class Written:
    """The two files, the card they show, how many images are in the gallery and how many are only listed."""

    page: Path
    pdf: Path
    card: Scorecard
    shown: int
    listed: int


def write_report(
    request: Request, dataset: Dataset, scored: Dataset, *, workers: int = 1, progress: Progress | None = None
) -> Written:
    """Write OUT/report.html and OUT/report.pdf.

    dataset: all of the data folder. scored: the splits of it to score. Whatever else was asked for is read before
    anything is measured. Raises ModelError, SubmissionError, DatasetError, ImageError, ConfigError or OutputError.
    """
    model, predicted = read_model(request.model), read_predictions(request.pred)
    if model.metric not in METRICS:
        raise ModelError(f"{request.model}: metric {model.metric!r}; known: {', '.join(METRICS)}")
    notes = () if request.notes is None else read_notes(request.notes)
    ablations = () if request.ablation is None else ablation_tables(read_ablation(request.ablation))
    histories = _histories(request)
    card = score_path(request.pred, scored, seed=BOOTSTRAP_SEED, resamples=RESAMPLES)
    if card.overall is None:
        raise SubmissionError(f"{request.pred}: lacks {len(card.missing)} images to score, such as {card.missing[0]}")
    trained = find_trained(model, request.model, dataset)
    learned = _survey_trained(dataset, model, trained, workers=workers, progress=progress)
    samples = _inspected(scored, card)
    seen = survey(
        scored,
        samples,
        masks=masks_of(predicted, scored),
        maps=maps_of(predicted, scored),
        workers=workers,
        progress=progress,
        label="reading predictions",
    )
    picks, rest = pick_images(card, count=request.gallery)
    rows = read_rows(picks, predicted, scored, workers=workers, progress=progress)
    rest = [*picks[len(rows) :], *rest]
    tables = {} if trained.store is None else {head.name: trained.store.tables(head.name) for head in model.heads}
    rules = {head.name: head.rule for head in model.heads}
    believed = {name: region_calibration(table, rules[name]) for name, table in tables.items()}
    surfaces = {name: surface_around(table, rules[name], METRICS[model.metric]) for name, table in tables.items()}
    calibrated = all(head.map_calibration is not None for head in model.heads)
    parts = [
        sections.score_section(card),
        sections.data_section(model, learned, seen, trained.remark),
        pixels_section(
            card, learned, seen, believed, _held_out(trained, learned) if calibrated else {}, calibrated=calibrated
        ),
        *([sections.sizes_section(card, seen)] if any(item.sizes.size for item in seen) else []),
        sections.decision_section(model, surfaces),
        sections.gallery_section(rows, rest, probabilities=predicted.has_probabilities),
        *([sections.timing_section(time_stages(model, scored, samples))] if request.timing and samples else []),
        *([sections.history_section(histories, ablations)] if histories or ablations else []),
        *notes,
        _repeat(request, dataset, trained, predicted, model),
    ]
    report = Report(
        title=f"pixelgbm: {request.model.name} on {request.data.name}",
        lead=f"Score {card.score:,.1f} ({card.metric}), made on {datetime.now(UTC):%Y-%m-%d}.",
        sections=tuple(parts),
        card=card.to_dict(),
    )
    page, pdf = request.out / "report.html", request.out / "report.pdf"
    text, sheets = render_page(report), render_pdf(report)
    files.write_text(page, text)
    files.write_bytes(pdf, sheets)
    return Written(page, pdf, card, len(rows), len(rest))


def _histories(request: Request) -> tuple[History, ...]:
    """Of the storage that was named, else of those that `tune` keeps in MODEL.maps, where there are any."""
    if request.storage is not None:
        return read_histories(request.storage)
    kept = [maps_folder(request.model).resolve() / name for name in ("study.db", "full.db")]
    return tuple(history for path in kept if path.is_file() for history in read_histories(f"sqlite:///{path}"))


def _inspected(scored: Dataset, card: Scorecard) -> list[Sample]:
    """The samples the card counts, but for those that failed."""
    known = {row.id for row in card.per_image if row.actual is not None}
    return [sample for sample in scored.samples if sample.id in known]


def _survey_trained(
    dataset: Dataset, model: Model, trained: Trained, *, workers: int, progress: Progress | None
) -> list[Seen]:
    maps = None if trained.store is None else _stored(trained.store, dataset)
    label = "reading the training images"
    samples = [sample for sample in trained.samples if sample.labelled_heads]
    seen = survey(dataset, samples, maps=maps, label=label, workers=workers, progress=progress)
    names = {head.name for head in model.heads}
    return seen if len(names) == len(dataset.heads) == 1 else [item for item in seen if item.head in names]


def _held_out(trained: Trained, learned: list[Seen]) -> dict[str, Promises]:
    """By head what the out-of-fold maps promise after calibration; {} without maps."""
    if trained.store is None:
        return {}
    heads = dict.fromkeys(item.head for item in learned)
    found = {head: promised_by_other_folds(learned, head, trained.store.folds) for head in heads}
    return {head: promises for head, promises in found.items() if promises is not None}


def _stored(store: MapStore, dataset: Dataset) -> Maps:
    """Reads out-of-fold maps by the data set's names for its heads; (rows, cols) float32, 0..1."""
    alone = store.heads[0] if len(store.heads) == len(dataset.heads) == 1 else None

    def read(id: str, head: str) -> NDArray[np.float32]:
        return (store.map(alone or head, id) / np.float32(255)).astype(np.float32)

    return read


def _repeat(request: Request, dataset: Dataset, trained: Trained, predicted: Predictions, model: Model) -> Section:
    seeds = (
        ("seed of the training", str(model.training.get("seed", "not kept"))),
        ("seed and resamples of the intervals", f"{BOOTSTRAP_SEED}, {RESAMPLES}"),
    )
    return sections.repeat_section(
        repeat.commands(request, dataset, trained, predicted, model),
        repeat.configuration(model),
        (*repeat.digests(model, predicted), *seeds),
        repeat.versions(),
        same_model=predicted.model_digest == model.digest,
    )
