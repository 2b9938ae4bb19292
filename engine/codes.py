"""Rows of integers as single numbers, so that equal rows are found by sorting numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def code(*columns: npt.NDArray[Any]) -> Ints:
    """Return one number for each row of columns of non-negative integers: equal where rows are, and ordered as they."""
    numbers, span = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        values = int(column.max(initial=0)) + 1
        if span * values > 2**62:
            numbers = np.unique(numbers, return_inverse=True)[1].ravel()
            span = int(numbers.max(initial=0)) + 1
        numbers = numbers * values + column
        span *= values
    return numbers


def by_first_visit(values: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """Number equal values by where they first stand; return each one's number, and where each number first stands."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[inverse.ravel()], first[order]
