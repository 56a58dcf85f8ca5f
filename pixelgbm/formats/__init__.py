"""Pure codecs between masks and what carries them: bytes, texts and arrays in and out, no files.

mask_text: characters 0 and 1. rle: runs of a table. via, coco: annotation files in JSON.
outlines: polygons to pixels and back, for the two.
"""

from pixelgbm.formats.mask_text import decode_mask_text, encode_mask_text
from pixelgbm.formats.rle import decode_rle, encode_rle

__all__ = ["decode_mask_text", "decode_rle", "encode_mask_text", "encode_rle"]
