"""Tests of service.registry.registry and model_version: several models, versions, reloading."""

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
from service.codecs.json.rows import RowDecoder
from service.problems import Problem
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry
from service.registry.reloadable_model import ReloadableModel
from service.settings import SettingError, Settings

pytestmark = pytest.mark.anyio


def save_version(predictor: Predictor, path: Path, mark: str = "", name: str = "article") -> str:
    """Save a version whose description is `mark`, and return its title."""
    path.parent.mkdir(exist_ok=True)
    version = dataclasses.replace(predictor, name=name, facts={"description": mark})
    return f"{name}@{artifact.save(version, path)[:12]}"


def reloadable(path: Path, **settings: str) -> ReloadableModel:
    parsed = Settings.model_validate(settings)
    return ReloadableModel(path, lambda predictor: ModelVersion(predictor, parsed))


def test_a_replaced_file_is_reloaded(predictor: Predictor, tmp_path: Path) -> None:
    file = tmp_path / "model.joblib"
    first = save_version(predictor, file)
    model = reloadable(file)
    assert (model.current.title, model.changed()) == (first, False)
    second = save_version(predictor, file, "another")
    assert model.changed()
    assert model.reload()
    assert (model.current.title, model.changed()) == (second, False)
    assert [each.title for each in model.versions] == [second]
    assert not model.reload()


def test_a_folder_has_several_versions(predictor: Predictor, tmp_path: Path) -> None:
    titles = [save_version(predictor, tmp_path / f"{mark}.joblib", mark) for mark in "ab"]
    make_current(tmp_path / "b.joblib")
    model = reloadable(tmp_path)
    assert model.current.title == titles[1]
    assert {each.title for each in model.versions} == set(titles)
    before = {each.title: each for each in model.versions}
    make_current(tmp_path / "a.joblib")
    assert model.changed()
    assert model.reload()
    assert model.current.title == titles[0]
    assert {
        each.title: each for each in model.versions
    } == before  # unchanged files are not read again


def damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize("cause", ["damage", "removal", "name", "self-test", "threshold"])
def test_a_failed_reload_keeps_the_active_version(
    predictor: Predictor, tmp_path: Path, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "model.joblib"
    points = dataclasses.replace(predictor, operating_points={"default": 0.5, "here": 0.3})
    first = save_version(points, file)
    model = reloadable(file, threshold="here")
    if cause == "damage":
        damage(file)
    elif cause == "removal":
        file.unlink()
    elif cause == "name":
        save_version(points, file, name="other")
    elif cause == "self-test":
        test = dataclasses.replace(points.self_test, predictions=1 - points.self_test.predictions)
        save_version(dataclasses.replace(points, self_test=test), file)
    else:
        save_version(predictor, file)  # has no operating point "here"
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
    assert not model.changed()  # no new attempt before the delay has passed
    second = save_version(points, file, "good again")
    assert model.reload()
    assert model.current.title == second
    assert vars(model)["failure"] is None


def test_a_temporarily_unreadable_folder(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "versions"
    first = save_version(predictor, folder / "a.joblib")
    model = reloadable(folder)

    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", denied)
        assert model.changed()
        assert not model.reload()
        assert model.failure == "versions: Permission denied"
        assert not model.changed()
    assert model.current.title == first
    assert model.changed()  # the folder can be read again
    model.reload()
    assert vars(model)["failure"] is None


def test_a_failed_load_is_retried(
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    monkeypatch.setattr("service.backoff.monotonic", lambda: now[0])
    file = tmp_path / "model.joblib"
    first = save_version(predictor, file)
    model = reloadable(file)
    second = save_version(predictor, file, "another")

    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    caplog.set_level(logging.INFO)
    with monkeypatch.context() as patch:
        patch.setattr("model.artifacts.artifact.read_file", broken)
        attempts = 0
        for _ in range(600):  # seconds; the watch polls once a second
            if model.changed():
                assert not model.reload()
                attempts += 1
            now[0] += 1
    assert 5 < attempts < 20
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


def test_a_skipped_version_is_retried(
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    monkeypatch.setattr("service.backoff.monotonic", lambda: now[0])
    first = save_version(predictor, tmp_path / "a.joblib")
    second = save_version(predictor, tmp_path / "b.joblib", "b")
    make_current(tmp_path / "a.joblib")
    load = artifact.load

    def failing(path: Path, check: artifact.Check | None) -> Predictor:
        if path.name == "b.joblib":
            raise ArtifactError("Input/output error")
        return load(path, check)

    with monkeypatch.context() as patch:
        patch.setattr("model.artifacts.artifact.load", failing)
        model = reloadable(tmp_path)
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


def test_a_broken_inactive_version_is_skipped(
    predictor: Predictor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    title = save_version(predictor, tmp_path / "a.joblib")
    save_version(predictor, tmp_path / "b.joblib", "b")
    damage(tmp_path / "b.joblib")
    make_current(tmp_path / "a.joblib")
    with caplog.at_level(logging.WARNING):
        model = reloadable(tmp_path)
    assert caplog.messages == ["model_version_skipped"]
    assert [each.title for each in model.versions] == [title]


def test_a_missing_artifact_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no such file"):
        reloadable(tmp_path / "none.joblib")


def test_two_models_with_the_same_name_are_an_error(predictor: Predictor, tmp_path: Path) -> None:
    files = [tmp_path / "a.joblib", tmp_path / "b.joblib"]
    for file in files:
        save_version(predictor, file)
    with pytest.raises(SettingError, match="MALIGNANCY_EXTRA_ARTIFACTS"):
        ModelRegistry([reloadable(file) for file in files])


def test_models_are_found_by_name_and_version(predictor: Predictor, tmp_path: Path) -> None:
    old = save_version(predictor, tmp_path / "article" / "old.joblib", "old")
    new = save_version(predictor, tmp_path / "article" / "new.joblib", "new")
    make_current(tmp_path / "article" / "new.joblib")
    other = save_version(predictor, tmp_path / "other.joblib", name="other")
    models = ModelRegistry(
        [reloadable(tmp_path / "article"), reloadable(tmp_path / "other.joblib")]
    )
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
    first = save_version(predictor, tmp_path / "article.joblib")
    second = save_version(predictor, tmp_path / "other.joblib", name="other")
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


def test_many_features_lower_the_limit_of_rows(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A row with all features missing is 2 bytes of JSON, and 80 000 bytes of the array.
    settings = Settings()
    assert ModelVersion(predictor, settings).max_rows == settings.max_rows
    wide = Schema(
        features=tuple(Feature(name=f"x{n}", may_be_missing=True) for n in range(10_000)),
        target=predictor.schema.target,
    )
    served = ModelVersion(dataclasses.replace(predictor, schema=wide), settings)
    # Rows are counted before they are read, and an invalid row does not change the error.
    monkeypatch.setattr(RowDecoder, "decode", lambda *_: pytest.fail("the rows were read"))
    bodies = [
        b'{"instances":[%b]}' % b",".join([b"{}"] * 500 + [last]) for last in (b"{}", b'{"x0":[]}')
    ]
    for rule in (contract.TOO_SPARSE, "must have at most 500 rows"):
        for body in bodies:
            with pytest.raises(Problem) as refused:
                served.parser.parse(body)
            assert refused.value.errors == [{"field": "instances", "rule": rule}]
        monkeypatch.setattr(contract, "EXTRA_VALUES", 10**7)
