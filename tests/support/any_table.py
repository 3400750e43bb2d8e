"""Tables as people have them, with columns that mean nothing, for property tests of `init`."""

import csv
import io
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

Cells = Callable[[random.Random, int], list[str]]


def _repeated(*texts: str) -> Cells:
    return lambda draw, rows: draw.choices(texts, k=rows)


def _gauss(draw: random.Random, rows: int) -> list[str]:
    return [f"{draw.gauss(0, 1):.3f}" for _ in range(rows)]


def _with(cells: Cells, share: float, *texts: str) -> Cells:
    """Replace a share of cells."""
    return lambda draw, rows: [
        draw.choice(texts) if draw.random() < share else cell for cell in cells(draw, rows)
    ]


def _one_differs(draw: random.Random, rows: int) -> list[str]:
    cells = ["0"] * rows
    cells[draw.randrange(rows)] = "3.5"
    return cells


COLUMNS: dict[str, Cells] = {
    "numbers": _gauss,
    "integers": lambda draw, rows: [str(draw.randrange(-5, 90)) for _ in range(rows)],
    "truths": _repeated("yes", "no"),
    "categories": _repeated("red", "dark blue", "$_$", 'a "b", c', "{x: [1]}", "ärger"),
    "many categories": lambda draw, rows: [f"c{draw.randrange(60)}" for _ in range(rows)],
    "long texts": _repeated("a" * 150, "b" * 150),
    "control characters": _repeated("q\x7f", "r"),
    "one value": _repeated("7"),
    "one text or none": _repeated("x", ""),
    "nothing": _repeated(""),
    "one differs": _one_differs,
    "mostly zero": _with(_repeated("0"), 0.1, "11", "12.5", "400"),
    "some missing": _with(_gauss, 0.2, "", "NA", "?"),
    "nearly all missing": _with(_repeated(""), 0.1, "1", "2", "3"),
    "dashes": _with(_gauss, 0.2, "-", "n.a."),
    "huge": lambda draw, rows: [f"{draw.gauss(0, 1):.3f}e300" for _ in range(rows)],
    "largest": _repeated("1.7e308", "-1.7e308", "0"),
    "tiny": lambda draw, rows: [f"{draw.gauss(0, 1):.3f}e-300" for _ in range(rows)],
    "infinite": _with(_gauss, 0.1, "inf", "-inf", "1e999"),
    "row numbers": lambda _, rows: [str(row) for row in range(1, rows + 1)],
    "texts all different": lambda draw, rows: [f"n{row}-{draw.random()}" for row in range(rows)],
    "free text": lambda draw, rows: [
        " ".join(draw.choices("the pain is not, so bad; today\n as".split(" "), k=9))
        for _ in range(rows)
    ],
    "dates": lambda draw, rows: [
        f"202{draw.randrange(6)}-0{draw.randrange(1, 9)}-11" for _ in range(rows)
    ],
    "seconds": lambda draw, rows: [str(1_600_000_000 + draw.randrange(10**8)) for _ in range(rows)],
    "money": lambda draw, rows: [
        f"${draw.randrange(1, 9)},{draw.randrange(100, 999)}" for _ in range(rows)
    ],
}
NAMES = (
    "age",
    "patient_age",
    "patient_id",
    "UserID",
    "$x$ [mm] {a: 1}",
    'say "hi", you',
    "größe",
    "年齢",
    "instances",
    "n" * 200,
    "",
    "x\x0by",
    " ",
    "a",
    "a",
    "label",
    "probability",
    "row",
    "\u202eabc",
    "🙂",
)
TARGETS: dict[str, Cells] = {
    "yes and no": _repeated("yes", "no"),
    "rare": _with(_repeated("0"), 0.04, "1"),
    "classes": _repeated("Spruce", "Pine", "Ash $_$"),
    "rare classes": _with(_repeated("u", "v"), 0.03, "w", "x"),
    "long labels": _repeated("Y" * 120, "N"),
    "with gaps": _with(_repeated("ill", "well"), 0.1, "", "NA"),
    "digits": _repeated("1", "2", "3"),
    "numbers": _gauss,
    "huge numbers": lambda draw, rows: [f"{draw.gauss(0, 1):.3f}e300" for _ in range(rows)],
    "numbers with gaps": _with(_gauss, 0.1, "", "inf"),
    "names": lambda _, rows: [f"n{row}" for row in range(rows)],
    "one": _repeated("same"),
}


@dataclass(frozen=True)
class AnyTable:
    """A table, and how it was made.

    Attributes:
        columns: Name, kind and cells of each column; the last one is meant as the target.
    """

    columns: tuple[tuple[str, str, list[str]], ...]

    def __repr__(self) -> str:
        rows = len(self.columns[0][2])
        return f"{rows} rows of {[(name, kind) for name, kind, _ in self.columns]}"

    @property
    def text(self) -> str:
        """The table as CSV."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(name for name, _, _ in self.columns)
        writer.writerows(zip(*(cells for _, _, cells in self.columns), strict=True))
        return text.getvalue()


@st.composite
def any_table(draw: st.DrawFn, max_rows: int = 120, max_columns: int = 8) -> AnyTable:
    """Draw a table of 5 rows or more.

    Args:
        draw: Hypothesis' function.
        max_rows: The most rows.
        max_columns: The most columns beside the target.
    """
    rows = draw(st.one_of(st.integers(5, 12), st.integers(13, max_rows)))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=max_columns))
    names = [draw(st.sampled_from(NAMES) | st.text(max_size=8)) for _ in kinds]
    target = draw(st.sampled_from(sorted(TARGETS)))
    generator = random.Random(draw(st.integers(0, 2**32 - 1)))
    columns = [
        (name, kind, COLUMNS[kind](generator, rows))
        for name, kind in zip(names, kinds, strict=True)
    ]
    columns.append(
        (
            draw(st.sampled_from(("y", "outcome", "Größe $[1]", "z"))),
            target,
            TARGETS[target](generator, rows),
        )
    )
    return AnyTable(tuple(columns))


def table_of_all_kinds(rows: int, columns: int, target: str) -> AnyTable:
    """Return a table with each kind of column in turn, and names of all kinds.

    Args:
        rows: The number of rows.
        columns: The number of columns beside the target.
        target: The kind of target.
    """
    draw = random.Random(0)
    kinds = itertools.islice(itertools.cycle(COLUMNS), columns)
    names = (f"{name}{number}" for number, name in enumerate(itertools.cycle(NAMES)))
    return AnyTable(
        (
            *((name, kind, COLUMNS[kind](draw, rows)) for name, kind in zip(names, kinds)),  # noqa: B905 - names have no end
            ("y", target, TARGETS[target](draw, rows)),
        )
    )
