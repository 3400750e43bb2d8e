"""The command `malignancy replay`."""

import argparse
import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from model.artifacts import artifact
from model.errors import MalignancyError
from model.metrics.comparison import is_judged, is_worse
from service.comparison.replay import MAX_ROWS, ReplayError, replay
from service.settings import SettingError, read_settings
from service.store.databases.database import StoreError
from service.store.databases.migrations import schema_number
from service.store.databases.opening import open_database
from service.store.store import now_microseconds

DAY_MICROSECONDS: Final = 86_400_000_000


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(
        prog="malignancy replay",
        description="Score the inputs in the store with a candidate, and compare its predictions "
        "with what was answered. No stored value is shown. Exit code 1: with --unless-worse, the "
        "candidate is significantly worse; 2: an error, or not enough truth to judge.",
    )
    root.add_argument(
        "--store",
        metavar="URL",
        help="sqlite:///PATH or postgresql://… [default: MALIGNANCY_STORE]",
    )
    root.add_argument(
        "--candidate", metavar="FILE", type=Path, required=True, help="artifact of the candidate"
    )
    root.add_argument(
        "--days", type=_days, default=30.0, help="days of answers up to now [default: 30]"
    )
    root.add_argument(
        "--model", metavar="NAME", help="model in the store [default: the candidate's name]"
    )
    root.add_argument(
        "--rows",
        type=_rows,
        default=MAX_ROWS,
        help=f"maximum number of rows, the latest ones [default: {MAX_ROWS}]",
    )
    root.add_argument("--json", metavar="FILE", type=Path, help="file for the figures as JSON")
    root.add_argument(
        "--unless-worse",
        action="store_true",
        help="exit code 1 if a figure with truth is significantly worse: its 95 %% interval of "
        "the difference is on the wrong side of 0",
    )
    return root


def main(arguments: Sequence[str]) -> int:
    """Run the command, and return the exit code."""
    chosen = parser().parse_args(arguments)
    try:
        figures = _replayed(chosen)
        for line in lines_of(figures):
            print(line)
        if chosen.json is not None:
            _write_json(chosen.json, figures)
        if not chosen.unless_worse:
            return 0
        if not is_judged(figures):
            raise ReplayError(
                "the candidate cannot be judged: there are fewer than 10 rows, or subjects, with "
                "truth"
            )
    except (SettingError, MalignancyError) as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, such as head, has what it wants
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    worse = is_worse(figures)
    if worse:
        print(f"the candidate is significantly worse: {', '.join(worse)}", file=sys.stderr)
    return 1 if worse else 0


def lines_of(figures: dict[str, Any]) -> Iterator[str]:
    """Yield the figures of a comparison as lines for people.

    Args:
        figures: Result of `replay`.
    """
    yield f"{figures['model']}: {figures['rows']} rows, {figures['from']} to {figures['to']}"
    if figures["is_limited"]:
        yield "older rows are left out (--rows)"
    if figures["rows_rejected"]:
        yield f"{figures['rows_rejected']} rows are rejected by the candidate, and left out"
    for each in figures["versions"]:
        yield f"answered  {each['version'][:12]}  {each['rows']} rows"
    yield f"candidate {figures['candidate'][:12]}"
    if agreement := figures.get("agreement"):
        low, high = agreement["interval"]
        yield f"same labels: {agreement['share']:.2%} (95 % interval {low:.2%} to {high:.2%})"
        for each in agreement.get("changes", ()):
            yield f"  {each['from']} → {each['to']}: {each['rows']} rows"
        if test := agreement.get("mcnemar"):
            yield f"  equal shares of positive labels: McNemar p = {test['p']:.3g}"
    for name, each in figures["difference"].items():
        ends = " to ".join(f"{each['quantiles'][share]:+.4f}" for share in ("0.05", "0.95"))
        yield f"difference of {name}: mean {each['mean']:+.4f}, 5 to 95 % {ends}"
    yield from _lines_with_truth(figures["truth"])
    if figures["largest"]:
        yield "largest differences:"
        for each in figures["largest"]:
            yield f"  {each['id']}  {each['difference']:.4f}"


def _lines_with_truth(truth: dict[str, Any]) -> Iterator[str]:
    if not truth["rows"]:
        yield "no row has truth"
        return
    yield f"{truth['rows']} rows with truth in {truth['groups']} groups"
    yield f"  {'':22}{'answered':>12}{'candidate':>12}{'difference':>12}  95 % interval"
    for name, each in truth["figures"].items():
        interval = each["interval"]
        ends = "too few" if interval is None else f"{interval[0]:+.4f} to {interval[1]:+.4f}"
        numbers = f"{each['first']:12.4f}{each['second']:12.4f}{each['difference']:+12.4f}"
        yield f"  {name:22}{numbers}  {ends}"
    if test := truth.get("mcnemar"):
        yield (
            f"  correct only as answered {test['first_only']}, only by the candidate "
            f"{test['second_only']}: McNemar p = {test['p']:.3g}"
        )


def _replayed(chosen: argparse.Namespace) -> dict[str, Any]:
    settings = read_settings([f"--store={chosen.store}"] if chosen.store else [])
    if settings.store is None:
        raise StoreError("set MALIGNANCY_STORE, or give --store")
    candidate = artifact.load(chosen.candidate)
    candidate.replay_self_test()
    database = open_database(settings.store.get_secret_value(), read_only=True)
    with contextlib.closing(database):
        if schema_number(database) == 0:
            raise StoreError("the store has no tables yet: malignancy store migrate creates them")
        start = now_microseconds() - round(chosen.days * DAY_MICROSECONDS)
        return replay(
            database, candidate, start=max(0, start), model=chosen.model, max_rows=chosen.rows
        )


def _write_json(path: Path, figures: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror}") from None


def _days(text: str) -> float:
    days = float(text)
    if not (math.isfinite(days) and days > 0):
        raise argparse.ArgumentTypeError("must be a number above 0")
    return days


def _rows(text: str) -> int:
    rows = int(text)
    if rows < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
