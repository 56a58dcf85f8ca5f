"""The PRED folder: what was found in every image, written so that a kill loses nothing, and read back.

PRED/
 |- run.json                      digests, layout, heads, samples in data order with sizes, failures
 |- masks/HEAD/ID.png             0 and 255
 |- probabilities/HEAD/ID.png     16 bits, on request
 |- regions.csv, verdicts.csv     one row a region, one row an image, in data order
 |- unfinished.jsonl              a header, then one line an image: what `--resume` continues from
 |- without-references/           optional: the same run made without references, a PRED folder too
"""

from pixelgbm.predictions.reader import Predictions, is_predictions, read_predictions, submit
from pixelgbm.predictions.tables import WITHOUT_REFERENCES
from pixelgbm.predictions.writer import PredictionWriter

__all__ = ["WITHOUT_REFERENCES", "PredictionWriter", "Predictions", "is_predictions", "read_predictions", "submit"]
