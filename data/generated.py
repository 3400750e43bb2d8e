"""Write the synthetic tables of this folder: python data/generated.py."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
HERE = Path(__file__).parent


def xor(rows: int = 400) -> str:
    """Return points of the square (−1, 1)², of class `odd` where exactly one coordinate is above 0.

    A tenth of the labels is wrong, so the best expected accuracy is 90 %.
    """
    generator = np.random.default_rng(0)
    points = generator.uniform(-1, 1, (rows, 2))
    odd = (points > 0).sum(axis=1) == 1
    odd ^= generator.random(rows) < 0.1
    lines = [
        f"{x:.4f},{y:.4f},{'odd' if o else 'even'}" for (x, y), o in zip(points, odd, strict=True)
    ]
    return "\n".join(["x,y,class", *lines, ""])


# Events of a heart beat: angle on the cycle, height, width (McSharry et al. 2003, table 1), and an
# additional negative one between S and T.
EVENTS = {
    "P": (-np.pi / 3, 1.2, 0.25),
    "Q": (-np.pi / 12, -5.0, 0.1),
    "R": (0.0, 30.0, 0.1),
    "S": (np.pi / 12, -7.5, 0.1),
    "T": (np.pi / 2, 0.75, 0.4),
    "depressed ST": (0.7, -1.2, 0.22),
}
SAMPLES = 100  # per beat
STEPS = 8  # of the integration between two samples


def ecg(beats: int = 450) -> str:
    """Return heart beats in mV: normal, with a depressed ST segment, with an inverted T wave.

    dz/dt = −Σ aᵢ Δθᵢ exp(−Δθᵢ² / 2 bᵢ²) − z on the limit cycle, where the angle θ grows at a
    constant rate. Heights, widths, angles, rate, baseline and noise are drawn for each beat.

    Source: McSharry, Clifford, Tarassenko, Smith 2003, "A dynamical model for generating synthetic
    electrocardiogram signals", eq. 1.
    """
    generator = np.random.default_rng(0)
    kinds = np.array(["normal", "st-depressed", "inverted-t"])[np.arange(beats) % 3]
    angles, heights, widths = np.array(list(EVENTS.values())).T
    shape = beats, len(EVENTS)
    angles = angles + generator.normal(0, 0.04, shape)
    heights = heights * generator.normal(1, 0.3, shape)
    widths = widths * generator.normal(1, 0.08, shape)
    heights[:, 5] *= kinds == "st-depressed"
    heights[:, 4] *= np.where(kinds == "inverted-t", -1, 1)
    speeds = 2 * np.pi * generator.uniform(0.9, 1.3, beats)  # radians per second
    signals = 25 * _integrate(angles, heights, widths, speeds)
    phases = generator.uniform(0, 6, (beats, 1))
    signals += 0.1 * np.sin(np.linspace(0, 2, SAMPLES) + phases)
    signals += generator.normal(0, 0.12, signals.shape)
    lines = [",".join([*(f"sample_{number:02}" for number in range(SAMPLES)), "beat"])]
    for signal, kind in zip(signals, kinds, strict=True):
        lines.append(",".join([*(f"{value:.3f}" for value in signal), str(kind)]))
    return "\n".join([*lines, ""])


def _integrate(angles: Array, heights: Array, widths: Array, speeds: Array) -> Array:
    """Return z (beats, samples) for θ from −π to π, after one cycle in which z settles."""
    step = 2 * np.pi / (SAMPLES * STEPS)

    def slope(angle: float, z: Array) -> Array:
        """Return dz/dθ (beats,)."""
        delta = (angle - angles + np.pi) % (2 * np.pi) - np.pi
        drive = -(heights * delta * np.exp(-(delta**2) / (2 * widths**2))).sum(axis=1)
        return np.asarray((drive - z) / speeds)

    z, samples = np.zeros(len(angles)), []
    for number in range(2 * SAMPLES * STEPS):  # fourth-order Runge-Kutta
        angle = -np.pi + number * step
        if number >= SAMPLES * STEPS and number % STEPS == 0:
            samples.append(z)
        k1 = slope(angle, z)
        k2 = slope(angle + step / 2, z + step / 2 * k1)
        k3 = slope(angle + step / 2, z + step / 2 * k2)
        z = z + step / 6 * (k1 + 2 * k2 + 2 * k3 + slope(angle + step, z + step * k3))
    return np.array(samples).T


def two_digits(train: int = 2500, validation: int = 500) -> str:
    """Return pictures of two different digits, overlaid; each pixel is the darker of the two.

    Training pictures use the first three quarters of the rows of digits.csv, validation pictures
    the others, so no digit is in both.
    """
    generator = np.random.default_rng(0)
    names, *rows = (HERE / "digits.csv").read_text(encoding="utf-8").splitlines()
    table = np.array([row.split(",") for row in rows]).astype(int)
    pixels, digits, border = table[:, :-1], table[:, -1], len(table) * 3 // 4
    columns = [f"has_{digit}" for digit in range(10)]
    lines = [",".join([*names.split(",")[:-1], *columns, "part"])]
    for part, count, first, end in (
        ("train", train, 0, border),
        ("validation", validation, border, len(table)),
    ):
        pairs = generator.integers(first, end, (2 * count, 2))  # a tenth has a digit twice
        pairs = pairs[digits[pairs[:, 0]] != digits[pairs[:, 1]]][:count]
        present = (digits[pairs][:, :, None] == np.arange(10)).any(axis=1)
        pictures = np.hstack([pixels[pairs].max(axis=1), present])
        lines.extend(",".join([*(str(value) for value in row), part]) for row in pictures)
    return "\n".join([*lines, ""])


TABLES = {"xor.csv": xor, "ecg.csv": ecg, "two-digits.csv": two_digits}

if __name__ == "__main__":
    for name, make in TABLES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
