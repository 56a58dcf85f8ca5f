"""One module per feature family: the columns it offers and how each is made from a canvas."""
