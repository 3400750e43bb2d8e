"""Tables in workbooks of Excel: the first sheet, from its first row that is not blank."""

import itertools
from collections.abc import Generator
from pathlib import Path

import pandas as pd

from model.errors import DataError
from model.prediction.numerals import Decimal
from model.training.tables.columns import cell_text
from model.training.tables.text_tables import frame_of_text


def workbook_chunks(
    path: Path, rows: int, decimal: Decimal | None
) -> Generator[pd.DataFrame, None, None]:
    """Yield the chunks of a table in text (see `read_chunks`).

    Args:
        path: The file.
        rows: Rows of a chunk.
        decimal: The mark with which fractions are written.

    Raises:
        DataError: python-calamine is missing, or the sheet has no rows.
        OSError: The file cannot be read.
        ValueError: It is broken.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        text = "reading Excel needs the excel extra: pip install 'malignancy[train,excel]'"
        raise DataError(f"{path}: {text}") from None
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            cells = workbook.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise ValueError(f"not a workbook: {error}") from None
    texts = ([cell_text(cell, decimal) for cell in row] for row in cells)
    table = [(line, row) for line, row in enumerate(texts, start=1) if any(row)]
    if len(table) < 2:
        raise DataError(f"{path}: not a table: the first sheet has no rows below a header")
    # Columns that are blank in all rows are left out.
    used = [any(column) for column in zip(*(row for _, row in table), strict=True)]
    (_, header), *body = ((line, [*itertools.compress(row, used)]) for line, row in table)
    for start in range(0, len(body), rows):
        lines, part = zip(*body[start : start + rows], strict=True)
        yield frame_of_text(header, [*lines], [*itertools.chain.from_iterable(part)])
