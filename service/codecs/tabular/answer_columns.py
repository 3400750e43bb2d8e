"""Columns of a table of predictions, as CSV and Arrow answers have them."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from model.prediction.row_facts import RowFacts, cells
from model.prediction.target import Target
from service.codecs.answer_facts import facts_of
from service.codecs.blocks import Block
from service.codecs.extra import Extra


def column_names(target: Target) -> list[str]:
    """Return the names of the target's columns."""
    return list(target.columns(np.empty((0, len(target.names))), math.nan))


def extra_names(extra: Extra | None, taken: Collection[str]) -> tuple[str, ...]:
    """Return the names of the extra columns of an answer, which are those of its first row.

    Args:
        extra: The extra columns of the first block.
        taken: Names that the answer uses; an extra column with such a name is an error.
    """
    return () if extra is None else tuple(name for name in extra.names if name not in taken)


def extra_texts(block: Block, names: Sequence[str]) -> list[list[str]]:
    """Return the extra columns of a block as text, "" for missing cells.

    Args:
        block: The rows, B of them.
        names: Names of the answer's extra columns.

    Returns:
        B texts for each name.
    """
    if block.extra is None:
        return [[""] * len(block.values) for _ in names]
    return block.extra.texts(names)


def fact_texts(facts: RowFacts, block: Block) -> list[list[str]]:
    """Return the facts of a block's rows as columns of text, "" for rows without.

    Args:
        facts: The facts that rows may have.
        block: The rows, B of them.

    Returns:
        B texts for each fact.
    """
    found = facts_of(facts, block)
    return [cells(found.get(name, {}), len(block.values)) for name in facts.names]


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
