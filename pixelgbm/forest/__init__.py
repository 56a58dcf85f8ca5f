"""Boosted trees: LightGBM's text models read into checked arrays, and evaluated without LightGBM."""

from pixelgbm.forest.early import EarlyExit
from pixelgbm.forest.engines import Engine, predict_pixels, predict_planes, prepare_engine, prepared_parts
from pixelgbm.forest.traverse import predict_rows
from pixelgbm.forest.trees import Trees, parse_trees, split_trees

__all__ = [
    "EarlyExit",
    "Engine",
    "Trees",
    "parse_trees",
    "predict_pixels",
    "predict_planes",
    "predict_rows",
    "prepare_engine",
    "prepared_parts",
    "split_trees",
]
