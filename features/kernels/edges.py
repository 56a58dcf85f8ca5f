"""A row with its ends repeated, so that loops over columns need no branch at the image's edge."""

from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def repeat_ends(row, radius, line):
    """line[radius : radius + cols] = row; `radius` copies of its first and last value before and after."""
    cols = row.size
    for j in range(radius):
        line[j] = row[0]
        line[radius + cols + j] = row[cols - 1]
    line[radius : radius + cols] = row
