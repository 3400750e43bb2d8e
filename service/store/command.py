"""The commands `malignancy store …`."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Final

from model.errors import MalignancyError
from service.settings import SettingError, Settings, read_settings
from service.store.databases.database import Database, StoreError
from service.store.databases.migrations import migrate, schema_number
from service.store.databases.opening import open_database
from service.store.erasure import Erased, erase_prediction, erase_subject
from service.store.export import iso_time, write_csv, write_ndjson
from service.store.identifiers import parse_name, subject_digest
from service.store.reading import rows_between, table_stats, versions
from service.store.store import now_microseconds

FORMATS: Final = {"ndjson": write_ndjson, "csv": write_csv}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(
        prog="malignancy store",
        description="Maintain the store of predictions that the variable MALIGNANCY_STORE names.",
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    migration = commands.add_parser("migrate", help="create or update the tables")
    stats = commands.add_parser("stats", help="print the rows, times and size of the tables")
    export = commands.add_parser("export", help="write predictions, inputs and truth to a file")
    export.add_argument("--format", choices=FORMATS, default="ndjson", help="[default: ndjson]")
    export.add_argument("--output", metavar="FILE", help="new file [default: standard output]")
    export.add_argument(
        "--from", dest="start", type=_time, default=0, metavar="TIME", help="first time, ISO 8601"
    )
    export.add_argument(
        "--to", dest="end", type=_time, metavar="TIME", help="time after the last one, ISO 8601"
    )
    erase = commands.add_parser("erase", help="erase predictions, their inputs and truth")
    erased = erase.add_mutually_exclusive_group(required=True)
    erased.add_argument("--prediction", metavar="ID", help="id of an answer, or ID.N for one row")
    erased.add_argument("--subject", metavar="TEXT", help="subject, as in ?subject=")
    for each in (migration, stats, export, erase):
        each.add_argument(
            "--store",
            metavar="URL",
            help="sqlite:///PATH or postgresql://… [default: MALIGNANCY_STORE]",
        )
    return root


def main(arguments: Sequence[str]) -> int:
    """Run a command, and return the exit code: 2 for a wrong option or a store that fails."""
    chosen = parser().parse_args(arguments)
    try:
        settings = read_settings([f"--store={chosen.store}"] if chosen.store else [])
        if settings.store is None:
            raise StoreError("set MALIGNANCY_STORE, or give --store")
        reads = chosen.command in ("stats", "export")
        database = open_database(settings.store.get_secret_value(), read_only=reads)
        with contextlib.closing(database):
            _run(database, settings, chosen)
    except (SettingError, MalignancyError) as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, such as head, has what it wants
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _run(database: Database, settings: Settings, chosen: argparse.Namespace) -> None:
    if chosen.command in ("migrate", "erase"):
        applied = migrate(database)
        if chosen.command == "migrate":
            print(f"schema {schema_number(database)}, {applied} migrations applied")
            return
    elif schema_number(database) == 0:
        raise StoreError("the store has no tables yet: malignancy store migrate creates them")
    if chosen.command == "stats":
        _print_stats(database)
    elif chosen.command == "export":
        _export(database, chosen)
    else:
        erased = _erase(database, settings, chosen)
        print(", ".join(f"{count} {name}" for name, count in erased._asdict().items()), "erased")


def _print_stats(database: Database) -> None:
    print(f"{'table':12}{'rows':>12}  {'oldest':28}newest")
    for table, stats in table_stats(database).items():
        times = ["" if each is None else iso_time(each) for each in (stats.oldest, stats.newest)]
        print(f"{table:12}{stats.rows:>12}  {times[0]:28}{times[1]}".rstrip())
    print(f"schema {schema_number(database)}, {database.size_bytes()} bytes")


def _export(database: Database, chosen: argparse.Namespace) -> None:
    schemas = versions(database)
    rows = rows_between(database, chosen.start, chosen.end)
    with contextlib.ExitStack() as stack:
        file: IO[str] = sys.stdout
        if chosen.output:
            file = stack.enter_context(_created(chosen.output))
        FORMATS[chosen.format](rows, schemas, file)
        file.flush()


def _created(path: str) -> IO[str]:
    """Create a file that only its owner can read, as it may have patients' values."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")


def _erase(database: Database, settings: Settings, chosen: argparse.Namespace) -> Erased:
    now = now_microseconds()
    if chosen.prediction:
        name = parse_name(chosen.prediction)
        if name is None:
            raise StoreError(
                "--prediction must be the id of an answer, or ID.N for one of its rows"
            )
        return erase_prediction(database, *name, at=now)
    if settings.store_subject_key is None:
        raise StoreError("--subject needs MALIGNANCY_STORE_SUBJECT_KEY, as the service has it")
    digest = subject_digest(settings.store_subject_key.get_secret_value(), chosen.subject)
    return erase_subject(database, digest, at=now)


def _time(text: str) -> int:
    """Return the Unix time in microseconds of an ISO 8601 time, in UTC without an offset."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be an ISO 8601 date or time") from None
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
