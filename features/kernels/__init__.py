"""Jitted loops over float32 planes: checked C-contiguous arrays in, `out` last, no opinions."""
