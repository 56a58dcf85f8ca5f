"""Metrics of what was found against the truth: scores of a data set, their uncertainty, and how maps rank."""

from pixelgbm.metrics.metric import METRICS, Metric
from pixelgbm.metrics.pixels import pixel_f1
from pixelgbm.metrics.ranking import aupro, auroc, average_precision, best_f1, count_levels
from pixelgbm.metrics.uncertainty import bootstrap_interval, group_weights
from pixelgbm.metrics.units import numbered, summed
from pixelgbm.metrics.verdicts import ClassFigures, ClassificationReport, classification_report

__all__ = [
    "METRICS",
    "ClassFigures",
    "ClassificationReport",
    "Metric",
    "aupro",
    "auroc",
    "average_precision",
    "best_f1",
    "bootstrap_interval",
    "classification_report",
    "count_levels",
    "group_weights",
    "numbered",
    "pixel_f1",
    "summed",
]
