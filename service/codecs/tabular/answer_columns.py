"""Columns of a table of predictions, as CSV and Arrow answers have them."""

import math
from typing import Any

import numpy as np

from model.prediction.target import Target
from service.codecs.blocks import Block


def column_names(target: Target) -> list[str]:
    """Return the names of the target's columns."""
    return list(target.columns(np.empty((0, len(target.names))), math.nan))


def error_texts(block: Block, none: Any) -> list[Any]:
    """Return the errors of each row as text.

    Args:
        block: The rows, B of them.
        none: The value of valid rows.

    Returns:
        B texts.
    """
    texts = [none] * len(block.values)
    for row, errors in block.answer_errors():
        texts[row] = "; ".join(f"{each['field']} {each['rule']}" for each in errors)
    return texts
