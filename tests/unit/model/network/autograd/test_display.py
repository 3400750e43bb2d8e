"""Tables and DOT graphs of a recorded computation."""

import numpy as np
import pytest

from model.network.autograd.display import table, to_dot
from model.network.autograd.tape import Value


def test_table_of_arrays() -> None:
    x = Value(np.arange(6).reshape(2, 3), "X\nrows")
    loss = (x @ [1, 0.25, 0.5]).sum()
    loss.backward()
    assert table(loss).splitlines() == [
        "node    operation  value            input   local derivative     gradient",
        "----    ---------  -----            -----   ----------------     --------",
        "X rows             (2, 3) 0 1 2 …                                (2, 3) 1 0.25 0.5 …",
        "v2                 (3,) 1 0.25 0.5                               (3,) 3 5 7",
        "v3      @          (2,) 1.25 6.5    X rows  (2, 3) 1 0.25 0.5 …  (2,) 1 1",
        "                                    v2      (3,) 3 5 7",
        "v4      sum        7.75             v3      (2,) 1 1             1",
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (-0.0, "0"),
        (1 / 3, "0.3333"),
        (-12345678, "-1.235e+07"),
        ([[np.inf, np.nan]], "(1, 2) inf nan"),
        ([1, 2, 3], "(3,) 1 2 3"),
        ([1, 2, 3, 4], "(4,) 1 2 3 …"),
        ([], "(0,)"),
    ],
)
def test_numbers_as_text(data: float | list[float], text: str) -> None:
    line = table(Value(data)).splitlines()[2]
    assert line.startswith(f"v1               {text}  ")


def test_value_used_twice_has_two_lines_and_two_edges() -> None:
    x = Value(3, "x")
    square = x * x
    square.backward()
    assert to_dot(square).count('  v1 -> o2 [label="3"]') == 2
    assert table(square).splitlines()[3:] == [
        "v2    *          9      x      3                 1",
        "                        x      3",
    ]


def test_dot_labels_are_escaped() -> None:
    value = Value(np.zeros((2, 2)), 'a "b"\\n &lt;\n{c|d}')
    assert to_dot(value).splitlines()[4] == (
        '  v1 [shape=box, label="a \\"b\\"\\\\n &amp;lt;\\n{c|d}'
        '\\nvalue (2, 2) 0 0 0 …\\ngradient (2, 2) 0 0 0 …"]'
    )


def test_graph_deeper_than_pythons_stack() -> None:
    value = Value(1)
    for _ in range(5000):
        value = value * 1.001
    assert len(table(value).splitlines()) == 2 + 5001 + 2 * 5000  # headings, leaves, products
    assert to_dot(value).count(" -> ") == 3 * 5000
