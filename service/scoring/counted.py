"""Counts of a job in the store of predictions, each part once, also after an interruption."""

import json
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

from model.errors import DataError
from model.prediction.predictor import Predictor
from service.scoring.counts import Counts
from service.scoring.manifest import COUNTED, JobFile, write_json
from service.scoring.storage import Storage
from service.store.batches import PreparedBatch, write
from service.store.databases.migrations import migrate
from service.store.databases.opening import open_database
from service.store.store import stored_version

HOUR_SECONDS: Final = 3600


def add_to_store(
    url: str,
    target: Storage,
    predictor: Predictor,
    job: JobFile,
    digests: Sequence[str],
    counts: Sequence[Counts],
) -> int:
    """Add the counts of the parts that are not counted yet to the store, at the current hour.

    What will be added is written to the folder before the transaction, which has a number. So it is
    added once, wherever the job is interrupted.

    Args:
        url: The setting `store`.
        target: The folder of the job.
        predictor: The model.
        job: The job.
        digests: Digest of each part, see `part_digest`.
        counts: Counts of each part.

    Returns:
        The number of rows that were added.

    Raises:
        StoreError: The store cannot be opened or written.
        DataError: The folder's record of what was added cannot be read.
    """
    batches, written = _read(target)
    known = {digest for batch in batches for digest in batch}
    if new := [digest for digest in digests if digest not in known]:
        batches.append(new)
        _write(target, batches, written)
    version = stored_version(predictor)
    by_digest = dict(zip(digests, counts, strict=True))
    rows = 0
    with closing(open_database(url)) as database:
        migrate(database)
        for number in range(written, len(batches)):
            found = [by_digest[each] for each in batches[number] if each in by_digest]
            added = Counts.merged(found)
            rows += added.predicted
            prepared = PreparedBatch(number + 1, "counts", attempts=1)  # perhaps written before
            prepared.versions[version.key] = version
            prepared.counts[int(time.time()) // HOUR_SECONDS, version.key] = added.bins
            write(database, prepared, bytes.fromhex(job.id), {})
    _write(target, batches, len(batches))
    return rows


def _write(target: Storage, batches: list[list[str]], written: int) -> None:
    write_json(target, COUNTED, {"batches": batches, "written": written})


def _read(target: Storage) -> tuple[list[list[str]], int]:
    """Return the digests of the parts of each transaction, and the number of complete ones."""
    content = target.read(COUNTED)
    if content is None:
        return [], 0
    try:
        found: Any = json.loads(content)
        batches = [[str(digest) for digest in batch] for batch in found["batches"]]
        return batches, int(found["written"])
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{target.shown(COUNTED)}: cannot be read") from None
