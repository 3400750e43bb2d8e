"""Scoring jobs: what is written, what a job that goes on skips, and what it refuses."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.arrow_streams import NAMES, scores
from support.eventually import until
from support.paths import ROOT
from support.scored_datasets import fragments, job, local, pa, parts, pq, score, scorer_of

from model.artifacts import artifact
from model.artifacts.exclusive import exclusive
from model.errors import DataError, MalignancyError
from service.scoring.counted import add_to_store
from service.scoring.manifest import ForeignFolder
from service.scoring.parts import MeasuredFile
from service.scoring.storage import Storage
from service.store.databases.opening import open_database
from service.store.reading import versions


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "from"
    for number in range(3):
        path = folder / f"day={number}" / "rows.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(
            scores(1000 + number).append_column("n", pa.array(range(1000 + number))), path
        )
    return folder


def manifest(folder: Path) -> Any:
    return json.loads((folder / "_malignancy" / "manifest.json").read_text())


def times(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in parts(folder)}


def test_the_files_of_a_job(artifact_path: Path, source: Path, tmp_path: Path) -> None:
    to, scorer = tmp_path / "to", scorer_of(artifact_path)
    result = score(scorer, source, to)
    names = {path.relative_to(to).as_posix() for path in to.rglob("*") if path.is_file()}
    expected = {f"day={number}/rows" for number in range(3)}
    assert names == {
        "_SUCCESS",
        "_malignancy/job.json",
        "_malignancy/manifest.json",
        *(f"{name}.parquet" for name in expected),
        *(f"_malignancy/parts/{name}.json" for name in expected),
    }
    found = manifest(to)
    assert found["model"] == scorer.version().title
    assert found["options"] == {
        "artifact": scorer.digest, "threshold": 0.5, "keep": None, "on_error": "mark",
        "explain": False, "format": "parquet",
    }  # fmt: skip
    assert [each["name"] for each in found["schema"]] == pq.read_schema(
        to / "day=0" / "rows.parquet"
    ).names
    assert (found["rows"], found["predicted"], found["marked"]) == (3003, 3003, 0)
    assert sum(found["labels"].values()) == 3003
    for part in found["parts"]:
        content = (to / part["part"]).read_bytes()
        assert part["bytes"] == len(content)
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
    assert found["counts"]["rows"] == {"": {"0": 3003}}
    assert {each["name"] for each in found["features"]} == set(
        scorer.version().predictor.schema.names
    )
    assert found["expected"]["rows"] == 3003
    assert result.counts.rows == 3003
    assert "bare_nuclei" in result.drifted


def test_workers_write_the_same_bytes(artifact_path: Path, source: Path, tmp_path: Path) -> None:
    score(scorer_of(artifact_path), source, tmp_path / "one")
    score(scorer_of(artifact_path), source, tmp_path / "two", workers=2)
    assert parts(tmp_path / "one") == parts(tmp_path / "two")
    first, second = manifest(tmp_path / "one"), manifest(tmp_path / "two")
    for each in ("job", "completed"):
        del first[each], second[each]
    assert first == second


def test_a_complete_job_does_nothing(artifact_path: Path, source: Path, tmp_path: Path) -> None:
    to, scorer = tmp_path / "to", scorer_of(artifact_path)
    first = score(scorer, source, to)
    before = times(to), (to / "_malignancy" / "manifest.json").stat().st_mtime_ns
    second = score(scorer, source, to)
    assert (second.counts, second.skipped, second.parts) == (first.counts, 3, 3)
    assert (times(to), (to / "_malignancy" / "manifest.json").stat().st_mtime_ns) == before


def without_part(to: Path) -> None:
    (to / "day=1" / "rows.parquet").unlink()


def with_short_part(to: Path) -> None:
    part = to / "day=1" / "rows.parquet"
    part.write_bytes(part.read_bytes()[:-1])


def without_record(to: Path) -> None:
    (to / "_malignancy" / "parts" / "day=1" / "rows.json").unlink()


def with_broken_record(to: Path) -> None:
    (to / "_malignancy" / "parts" / "day=1" / "rows.json").write_text('{"digest": 1')


def with_other_counts(to: Path) -> None:
    path = to / "_malignancy" / "parts" / "day=1" / "rows.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "counts": {"rows": "x"}}))


DAMAGES = [without_part, with_short_part, without_record, with_broken_record, with_other_counts]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_part_that_is_not_complete_is_scored_again(
    artifact_path: Path, source: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    to, scorer = tmp_path / "to", scorer_of(artifact_path)
    first = score(scorer, source, to)
    content, before = parts(to), times(to)
    damage(to)
    remains = to / "day=0" / ".rows.parquet.0123abcd", to / "_malignancy" / ".job.json.0123abcd"
    for each in remains:
        each.write_bytes(b"of a writer that was killed")
    second = score(scorer, source, to)
    assert (second.counts, second.skipped) == (first.counts, 2)
    assert [each.exists() for each in remains] == [False, True]
    assert parts(to) == content
    after = times(to)
    assert [name for name in before if before[name] != after[name]] == ["day=1/rows.parquet"]
    assert (to / "_SUCCESS").exists()


def test_a_file_that_has_changed_is_scored_again(
    artifact_path: Path, source: Path, tmp_path: Path
) -> None:
    to, scorer = tmp_path / "to", scorer_of(artifact_path)
    score(scorer, source, to)
    table = pq.ParquetFile(source / "day=1" / "rows.parquet").read()
    pq.write_table(table.slice(5), source / "day=1" / "rows.parquet")
    pq.write_table(table, source / "day=1" / "new.parquet")
    result = score(scorer, source, to)
    assert (result.counts.rows, result.skipped, result.parts) == (3003 - 5 + 1001, 2, 4)
    assert manifest(to)["rows"] == 3003 - 5 + 1001


def test_a_file_that_changes_while_it_waits(
    artifact_path: Path, source: Path, tmp_path: Path
) -> None:
    from service.scoring.plan import plan_job
    from service.scoring.source import find_dataset

    scorer, destination = scorer_of(artifact_path), fragments.Destination(str(tmp_path / "to"))
    plan = plan_job(scorer, find_dataset(str(source)), destination)
    path = source / "day=1" / "rows.parquet"
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match=r"day=1/rows\.parquet: the file has changed since"):
        fragments.score_fragment(scorer, plan.fragments[1], destination)
    path.unlink()
    with pytest.raises(DataError, match=r"day=1/rows\.parquet: the file is gone"):
        fragments.score_fragment(scorer, plan.fragments[1], destination)
    assert parts(tmp_path / "to") == {}


def test_a_file_that_is_damaged_in_the_middle(
    artifact_path: Path, source: Path, tmp_path: Path
) -> None:
    path = source / "day=1" / "rows.parquet"
    content = bytearray(path.read_bytes())
    content[40:2000] = b"\xff" * 1960
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"day=1/rows\.parquet: the file is malformed$"):
        score(scorer_of(artifact_path), source, tmp_path / "to")
    found = [each for each in (tmp_path / "to").rglob("*") if each.is_file()]
    assert {each.name for each in found} == {"job.json", "rows.parquet", "rows.json"}


def test_a_folder_of_another_job(
    artifact_path: Path, wisconsin_path: Path, source: Path, tmp_path: Path
) -> None:
    to = tmp_path / "to"
    score(scorer_of(artifact_path), source, to)
    content = parts(to)
    for scorer, part_format, rule in (
        (scorer_of(wisconsin_path), "parquet", r"its model is article@\w{12}; choose another"),
        (scorer_of(artifact_path, threshold=0.7), "parquet", r"threshold is 0\.5, not 0\.7; ch"),
        (scorer_of(artifact_path, keep=()), "parquet", r"keep is None, not \[\]; choose"),
        (scorer_of(artifact_path, mark=False), "parquet", r"on_error is 'mark', not 'refuse'"),
        (scorer_of(artifact_path), "csv", r"format is 'parquet', not 'csv'; choose"),
    ):
        with pytest.raises(ForeignFolder, match=rf"^{to}: has parts of another job: {rule}"):
            score(scorer, source, to, part_format)
    assert parts(to) == content
    assert (to / "_SUCCESS").exists()


@pytest.mark.parametrize("name", ["notes.txt", "day=0/rows.parquet", "day=9/rows.parquet", "_x"])
def test_a_folder_with_other_files(
    artifact_path: Path, source: Path, tmp_path: Path, name: str
) -> None:
    to = tmp_path / "to"
    path = to / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"kept")
    rule = rf"^{to}: has files that this job would not write: {name}; remove them, or choose"
    with pytest.raises(ForeignFolder, match=rule):
        score(scorer_of(artifact_path), source, to)
    assert [each for each in to.rglob("*") if each.is_file()] == [path]
    assert path.read_bytes() == b"kept"


def test_a_part_whose_file_is_gone(artifact_path: Path, source: Path, tmp_path: Path) -> None:
    score(scorer_of(artifact_path), source, tmp_path / "to")
    (source / "day=1" / "rows.parquet").unlink()
    with pytest.raises(ForeignFolder, match=r"would not write: _malignancy/parts/day=1/rows.json"):
        score(scorer_of(artifact_path), source, tmp_path / "to")


def test_a_folder_whose_job_cannot_be_read(
    artifact_path: Path, source: Path, tmp_path: Path
) -> None:
    score(scorer_of(artifact_path), source, tmp_path / "to")
    (tmp_path / "to" / "_malignancy" / "job.json").write_text("{}")
    with pytest.raises(DataError, match=r"_malignancy/job\.json: cannot be read$"):
        score(scorer_of(artifact_path), source, tmp_path / "to")


def test_parts_within_the_dataset(artifact_path: Path, source: Path) -> None:
    for to in (source, source / "to", source / "day=1"):
        with pytest.raises(MalignancyError, match=r"--to: .* must not be in the dataset itself"):
            score(scorer_of(artifact_path), source, to)
    score(scorer_of(artifact_path), source, source / "_to")  # which is left out
    score(scorer_of(artifact_path), source / "day=1" / "*.parquet", source / "day=1" / "to")
    score(scorer_of(artifact_path), source / "day=2" / "rows.parquet", source / "day=2" / "to")


def test_another_job_that_writes_to_the_folder(
    artifact_path: Path, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "to" / "_malignancy"
    folder.mkdir(parents=True)
    with (
        exclusive(folder / "job.json"),
        pytest.raises(MalignancyError, match=r"another program is writing it"),
    ):
        score(scorer_of(artifact_path), source, tmp_path / "to")
    score(scorer_of(artifact_path), source, tmp_path / "to")


def test_an_error_between_part_and_record(
    artifact_path: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "to"

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "record")

    with monkeypatch.context() as patch:
        patch.setattr("service.scoring.fragment.write_record", fail)
        with pytest.raises(OSError, match="No space left"):
            score(scorer_of(artifact_path), source, to)
    assert parts(to).keys() == {"day=2/rows.parquet"}
    assert not (to / "_SUCCESS").exists()
    result = score(scorer_of(artifact_path), source, to)
    assert (result.skipped, result.counts.rows) == (0, 3003)


def test_a_part_is_never_there_by_half(
    artifact_path: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at any write leaves no part, and the job goes on after it."""
    expected = tmp_path / "expected"
    score(scorer_of(artifact_path), source, expected)
    written = 0

    def limited(limit: int) -> Callable[[Any, Any], int]:
        plain = MeasuredFile.write

        def write(file: Any, data: Any) -> int:
            nonlocal written
            written += len(data)
            if written > limit:
                raise OSError(28, "No space left on device")
            return plain(file, data)

        return write

    to, whole = tmp_path / "to", parts(expected)
    size, failures = len(whole["day=0/rows.parquet"]), 0
    for limit in (0, 3, size // 2, size - 1, size, size + 500):
        written = 0
        with monkeypatch.context() as patch:
            patch.setattr("service.scoring.parts.MeasuredFile.write", limited(limit))
            with pytest.raises(OSError, match=r"No space left|os_error") as error:
                score(scorer_of(artifact_path), source, to)
        failures += error.value.errno == 28
        assert not (to / "_SUCCESS").exists()
        assert all(content == whole[name] for name, content in parts(to).items())
    assert failures == 6
    assert 1 <= len(parts(to)) <= 2
    score(scorer_of(artifact_path), source, to)
    assert parts(to) == whole


def test_no_rows(artifact_path: Path, tmp_path: Path) -> None:
    pq.write_table(scores(0), tmp_path / "rows.parquet")
    result = score(scorer_of(artifact_path), tmp_path / "rows.parquet", tmp_path / "to")
    assert (result.counts.rows, result.parts) == (0, 1)
    assert pq.read_table(tmp_path / "to" / "rows.parquet").num_rows == 0
    assert manifest(tmp_path / "to")["rows"] == 0


def stored(url: str) -> dict[str, int]:
    with closing(open_database(url, read_only=True)) as database:
        assert len(versions(database)) == 1
        found = database.execute(
            "SELECT kind, sum(count) FROM counts WHERE hours = 1 GROUP BY kind"
        )
        return {str(kind): int(count) for kind, count in found}


def test_counts_are_added_to_the_store_once(
    artifact_path: Path, source: Path, tmp_path: Path
) -> None:
    url, to, scorer = f"sqlite:///{tmp_path}/store.db", tmp_path / "to", scorer_of(artifact_path)
    target, predictor, added = Storage(str(to)), artifact.load(artifact_path), []

    def run(*, fails: bool = False) -> None:
        def add(*args: Any) -> None:
            added.append(add_to_store(url, target, predictor, *args))
            if fails:
                raise KeyboardInterrupt

        with local.LocalEngine(1) as engine:
            destination = fragments.Destination(str(to))
            job.run_job(scorer, str(source), destination, engine, completed=add)

    with pytest.raises(KeyboardInterrupt):
        run(fails=True)
    assert not (to / "_SUCCESS").exists()
    first = stored(url)
    assert first["rows"] == 3003
    assert first["feature"] == 9 * 3003
    assert first["prediction"] == first["label"] == 3003
    run()
    run()
    assert (stored(url), added) == (first, [3003, 0])
    counted = to / "_malignancy" / "counted.json"
    content = json.loads(counted.read_text())
    counted.write_text(json.dumps({**content, "written": 0}))  # killed after the transaction
    (to / "_SUCCESS").unlink()
    run()
    assert stored(url) == first
    pq.write_table(scores(10).append_column("n", pa.array(range(10))), source / "more.parquet")
    run()
    assert stored(url)["rows"] == 3013
    counted.write_text("{}")
    (to / "_SUCCESS").unlink()
    with pytest.raises(DataError, match=r"counted\.json: cannot be read"):
        run()


PROGRAM = "from service.scoring.command import main; import sys; sys.exit(main(sys.argv[1:]))"


def test_kill_at_any_time(artifact_path: Path, tmp_path: Path) -> None:
    """SIGKILL of the job at growing times: the job goes on, and no part is lost or doubled."""
    source, to = tmp_path / "from", tmp_path / "to"
    source.mkdir()
    for number in range(6):
        pq.write_table(scores(60_000 + number), source / f"{number}.parquet")
    score(scorer_of(artifact_path), source, tmp_path / "expected")
    options = [str(each) for each in (artifact_path, source, "--to", to, "--workers", 2)]
    arguments = [sys.executable, "-c", PROGRAM, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    kills, seconds = 0, 0.5
    while not (to / "_SUCCESS").exists():
        with subprocess.Popen(
            arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as program:
            try:
                program.wait(seconds)
            except subprocess.TimeoutExpired:
                program.send_signal(signal.SIGKILL)
                kills += 1
            program.wait()
        seconds *= 1.3
        whole, found = parts(tmp_path / "expected"), parts(to)
        assert all(
            whole[name] == found[name] for name in found if not Path(name).name.startswith(".")
        )
    assert kills
    assert parts(to) == whole


def test_the_largest_fragments_are_scored_first(artifact_path: Path, tmp_path: Path) -> None:
    source, seen = tmp_path / "from", list[str]()
    source.mkdir()
    for number, rows in enumerate((100, 3000, 1000)):
        pq.write_table(scores(rows), source / f"{number}.parquet")
    (source / "3.csv").write_text(",".join(NAMES) + "\n" + ("5," * 8 + "5\n") * 7000)  # ~ 2000 rows

    class Engine:
        def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
            seen.extend(each.name for each in items)
            return ((number, function(item)) for number, item in enumerate(items))

    destination = fragments.Destination(str(tmp_path / "to"))
    job.run_job(scorer_of(artifact_path), str(source), destination, Engine())
    assert seen == ["1.parquet", "3.csv", "2.parquet", "0.parquet"]


def test_interrupt(artifact_path: Path, tmp_path: Path) -> None:
    source, to = tmp_path / "from", tmp_path / "to"
    source.mkdir()
    for number in range(40):
        pq.write_table(scores(50_000), source / f"{number}.parquet")
    options = [str(each) for each in (artifact_path, source, "--to", to, "--workers", 2)]
    arguments = [sys.executable, "-c", PROGRAM, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        arguments, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as program:
        until(lambda: len(parts(to)) > 1 if to.exists() else False)
        os.killpg(program.pid, signal.SIGINT)
        _, text = program.communicate(timeout=60)
    assert program.returncode == 130
    assert (
        text
        == "interrupted: complete parts are kept, and the same command goes on with the others\n"
    )
    assert not (to / "_SUCCESS").exists()
    assert 1 < len(parts(to)) < 40
