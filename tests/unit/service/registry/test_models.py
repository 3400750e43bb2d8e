"""Several models, their versions, and taking over what has changed."""

import dataclasses
import logging
from pathlib import Path

import httpx
import pytest

from model.artifacts import artifact
from model.artifacts.repository import make_current
from model.errors import ArtifactError
from model.prediction.predictor import Predictor
from model.prediction.schema import Feature, Schema
from service.app import create_app
from service.codecs.json import parser as contract
from service.codecs.json.rows import RowReader
from service.problems import Problem
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry, ReloadableModel
from service.settings import SettingError, Settings

pytestmark = pytest.mark.anyio


def saved(predictor: Predictor, path: Path, mark: str = "", name: str = "article") -> str:
    """The title of a version of its own, by what it tells."""
    path.parent.mkdir(exist_ok=True)
    other = dataclasses.replace(predictor, name=name, facts={"description": mark})
    return f"{name}@{artifact.save(other, path)[:12]}"


def watched(path: Path, **settings: str) -> ReloadableModel:
    chosen = Settings.model_validate(settings)
    return ReloadableModel(path, lambda predictor: ModelVersion(predictor, chosen))


def test_a_file_that_is_replaced_is_taken_over(predictor: Predictor, tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    first = saved(predictor, file)
    model = watched(file)
    assert (model.current.title, model.changed()) == (first, False)
    second = saved(predictor, file, "another")
    assert model.changed()
    assert model.reload()
    assert (model.current.title, model.changed()) == (second, False)
    assert [each.title for each in model.versions] == [second]
    assert not model.reload()


def test_a_folder_serves_all_its_versions(predictor: Predictor, tmp_path: Path) -> None:
    titles = [saved(predictor, tmp_path / f"{mark}.joblib", mark) for mark in "ab"]
    make_current(tmp_path / "b.joblib")
    model = watched(tmp_path)
    assert model.current.title == titles[1]
    assert {each.title for each in model.versions} == set(titles)
    before = {each.title: each for each in model.versions}
    make_current(tmp_path / "a.joblib")
    assert model.changed()
    assert model.reload()
    assert model.current.title == titles[0]
    assert {each.title: each for each in model.versions} == before  # none was read again


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize("what", ["damage", "removal", "name", "self-test", "threshold"])
def test_what_cannot_be_taken_over_changes_nothing(
    predictor: Predictor, tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "model.joblib"
    points = dataclasses.replace(predictor, operating_points={"default": 0.5, "here": 0.3})
    first = saved(points, file)
    model = watched(file, threshold="here")
    if what == "damage":
        damaged(file)
    elif what == "removal":
        file.unlink()
    elif what == "name":
        saved(points, file, name="other")
    elif what == "self-test":
        test = dataclasses.replace(points.self_test, predictions=1 - points.self_test.predictions)
        saved(dataclasses.replace(points, self_test=test), file)
    else:
        saved(predictor, file)  # has no operating point "here"
    assert model.changed()
    with caplog.at_level(logging.ERROR):
        assert not model.reload()
    (record,) = caplog.records
    assert record.message == "model_reload_failed"
    assert vars(record)["model"] == first
    assert vars(record)["error"]
    assert model.current.title == first
    assert model.failure is not None
    assert str(tmp_path) not in model.failure
    assert not model.changed()  # it is not tried again and again
    second = saved(points, file, "good again")
    assert model.reload()
    assert model.current.title == second
    assert vars(model)["failure"] is None


def test_a_folder_that_cannot_be_read_for_a_while(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "versions"
    first = saved(predictor, folder / "a.joblib")
    model = watched(folder)

    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", denied)
        assert model.changed()
        assert not model.reload()
        assert model.failure == "versions: Permission denied"
        assert not model.changed()
    assert model.current.title == first
    assert model.changed()  # so it is looked at again, once it can be
    model.reload()
    assert vars(model)["failure"] is None


def test_what_fails_for_a_moment_is_tried_again(
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    monkeypatch.setattr("service.registry.backoff.monotonic", lambda: now[0])
    file = tmp_path / "model.joblib"
    first = saved(predictor, file)
    model = watched(file)
    second = saved(predictor, file, "another")

    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    caplog.set_level(logging.INFO)
    with monkeypatch.context() as patch:
        patch.setattr("model.artifacts.artifact.read_file", broken)
        tries = 0
        for _ in range(600):  # seconds, in each of which the watch looks
            if model.changed():
                assert not model.reload()
                tries += 1
            now[0] += 1
    assert 5 < tries < 20
    failures = [each for each in caplog.records if each.message == "model_reload_failed"]
    assert len(failures) == 1
    assert "Input/output error" in vars(failures[0])["error"]
    assert (model.current.title, model.failure) == (first, "model.joblib: Input/output error")
    now[0] += 60
    assert model.changed()
    assert model.reload()
    assert (model.current.title, vars(model)["failure"]) == (second, None)
    now[0] += 600
    assert not model.changed()


def test_a_version_that_was_left_out_for_a_moment_is_read_later(
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    monkeypatch.setattr("service.registry.backoff.monotonic", lambda: now[0])
    first = saved(predictor, tmp_path / "a.joblib")
    second = saved(predictor, tmp_path / "b.joblib", "b")
    make_current(tmp_path / "a.joblib")
    load = artifact.load

    def failing(path: Path, check: artifact.Check | None) -> Predictor:
        if path.name == "b.joblib":
            raise ArtifactError("Input/output error")
        return load(path, check)

    with monkeypatch.context() as patch:
        patch.setattr("model.artifacts.artifact.load", failing)
        model = watched(tmp_path)
        for _ in range(10):
            now[0] += 1
            if model.changed():
                model.reload()
    assert [each.title for each in model.versions] == [first]
    assert caplog.messages.count("model_version_skipped") == 1
    now[0] += 60
    assert model.changed()
    assert not model.reload()
    assert [each.title for each in model.versions] == [first, second]
    now[0] += 600
    assert not model.changed()


def test_another_version_may_be_broken(
    predictor: Predictor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    title = saved(predictor, tmp_path / "a.joblib")
    saved(predictor, tmp_path / "b.joblib", "b")
    damaged(tmp_path / "b.joblib")
    make_current(tmp_path / "a.joblib")
    with caplog.at_level(logging.WARNING):
        model = watched(tmp_path)
    assert caplog.messages == ["model_version_skipped"]
    assert [each.title for each in model.versions] == [title]


def test_there_must_be_one_to_begin_with(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no such file"):
        watched(tmp_path / "none.joblib")


def test_two_models_of_one_name(predictor: Predictor, tmp_path: Path) -> None:
    files = [tmp_path / "a.joblib", tmp_path / "b.joblib"]
    for file in files:
        saved(predictor, file)
    with pytest.raises(SettingError, match="MALIGNANCY_EXTRA_ARTIFACTS"):
        ModelRegistry([watched(file) for file in files])


def test_models_are_found_by_name_and_version(predictor: Predictor, tmp_path: Path) -> None:
    old = saved(predictor, tmp_path / "article" / "old.joblib", "old")
    new = saved(predictor, tmp_path / "article" / "new.joblib", "new")
    make_current(tmp_path / "article" / "new.joblib")
    other = saved(predictor, tmp_path / "other.joblib", name="other")
    models = ModelRegistry([watched(tmp_path / "article"), watched(tmp_path / "other.joblib")])
    assert models.default.title == models.find().title == models.find("article").title == new
    assert models.find("other").title == other
    assert models.find("article", old.partition("@")[2]).title == old
    whole = models.find("article").predictor.version
    assert models.find("article", whole).title == new
    for name, version in [
        ("none", None),
        ("article", whole[:11]),
        ("article", "0" * 12),
        ("other", whole),
    ]:
        with pytest.raises(Problem, match="404"):
            models.find(name, version)


async def test_several_models_in_one_service(predictor: Predictor, tmp_path: Path) -> None:
    first = saved(predictor, tmp_path / "article.joblib")
    second = saved(predictor, tmp_path / "other.joblib", name="other")
    app = create_app(
        Settings(
            artifact=tmp_path / "article.joblib", extra_artifacts=f"{tmp_path / 'other.joblib'}, "
        )
    )
    rows = {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1]]}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path, title in [
            ("/predict", first),
            ("/models/article/predict", first),
            ("/models/other/predict", second),
            (f"/models/other/versions/{second.partition('@')[2]}/predict", second),
        ]:
            answer = await client.post(path, json=rows, params={"threshold": "0.7"})
            assert (answer.status_code, answer.json()["model"]) == (200, title)
        for path in ("", "/card", "/metrics"):
            assert (await client.get(f"/models/other{path}")).status_code == 200
            assert (await client.get(f"/models/none{path}")).status_code == 404
        refused = await client.post("/models/none/predict", json=rows)
        assert refused.json()["detail"] == "There is no model of this name."
        listed = (await client.get("/models")).json()["models"]
        assert [each["name"] for each in listed] == ["article", "other"]
        assert (await client.get("/health/ready")).json()["models"] == [first, second]
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
        assert {"Instance", "other.Instance", "Answers", "other.Answers"} <= set(schemas)


def test_rows_of_many_features_are_fewer(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All features missing, a row is two bytes, and 80 000 of the array it becomes.
    settings = Settings()
    assert ModelVersion(predictor, settings).max_rows == settings.max_rows
    wide = Schema(
        features=tuple(Feature(name=f"x{n}", may_be_missing=True) for n in range(10_000)),
        target=predictor.schema.target,
    )
    served = ModelVersion(dataclasses.replace(predictor, schema=wide), settings)
    # They are counted before any is made numbers, and a bad row does not hide how many there are.
    monkeypatch.setattr(RowReader, "read", lambda *_: pytest.fail("they were read"))
    bodies = [
        b'{"instances":[%b]}' % b",".join([b"{}"] * 500 + [last]) for last in (b"{}", b'{"x0":[]}')
    ]
    for rule in (contract.TOO_SPARSE, "must have at most 500 rows"):
        for body in bodies:
            with pytest.raises(Problem) as refused:
                served.parser.parse(body)
            assert refused.value.errors == [{"field": "instances", "rule": rule}]
        monkeypatch.setattr(contract, "MORE_NUMBERS", 10**7)
