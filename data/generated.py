"""Write the tables here that come from no one: python data/generated.py."""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def xor(rows: int = 400) -> str:
    """Points of the square (−1, 1)², of class `odd` where exactly one coordinate is above 0.

    A tenth of the labels is wrong, so no honest model does better than 90 %.
    """
    generator = np.random.default_rng(0)
    points = generator.uniform(-1, 1, (rows, 2))
    odd = (points > 0).sum(axis=1) == 1
    odd ^= generator.random(rows) < 0.1
    lines = [
        f"{x:.4f},{y:.4f},{'odd' if o else 'even'}" for (x, y), o in zip(points, odd, strict=True)
    ]
    return "\n".join(["x,y,class", *lines, ""])


TABLES = {"xor.csv": xor}

if __name__ == "__main__":
    for name, make in TABLES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
