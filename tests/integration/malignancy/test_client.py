"""The client predicts, explains, gives feedback and reads figures of a service process."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jsonschema
import numpy as np
import pandas as pd
import pytest

from malignancy import (
    AsyncClient,
    Client,
    FieldError,
    InvalidRequest,
    NotFound,
    NotPermitted,
    UnexpectedAnswer,
)
from model.prediction.predictor import Predictor

pytestmark = pytest.mark.process

BENIGN: list[int | None] = [5, 1, 1, 1, 2, None, 3, 1, 1]
MALIGNANT: list[int | None] = [8, 10, 10, 8, 7, 10, 9, 7, 1]


@pytest.fixture(scope="module")
def names(wisconsin: Predictor) -> list[str]:
    return list(wisconsin.schema.names)


def test_one_row_is_one_prediction(client: Client, names: list[str]) -> None:
    one = client.predict(dict(zip(names, BENIGN, strict=True)))
    assert (one.label, one.imputed, one.clipped, one.unknown) == ("benign", ["bare_nuclei"], [], [])
    assert 0 <= one.probability < 0.1
    assert one.id is not None
    with pytest.raises(AttributeError, match=r"this prediction has no value, but probability, la"):
        _ = one.value


def test_rows_of_all_containers_have_the_same_predictions(client: Client, names: list[str]) -> None:
    rows = [BENIGN, MALIGNANT]
    frame = pd.DataFrame(rows, columns=names)
    assert frame["bare_nuclei"].isna().any()
    found = [
        client.predict(each)
        for each in (
            rows,
            [dict(zip(names, row, strict=True)) for row in rows],
            frame,
            np.array(rows, float),
        )
    ]
    assert [each.label for each in found[0]] == ["benign", "malignant"]
    assert len({each.probability for answer in found for each in answer}) == 2
    assert len({answer.id for answer in found}) == len(found)
    assert found[0][1].id == f"{found[0].id}.1"
    assert found[0].model == client.model().title
    assert found[0].request_id


def test_the_threshold_decides(client: Client) -> None:
    rows = [BENIGN, MALIGNANT]
    assert [each.label for each in client.predict(rows, threshold=0)] == ["malignant"] * 2
    assert (
        client.predict(rows, threshold="sensitivity-99").threshold
        == (client.model().operating_points["sensitivity-99"])
    )


def test_no_rows_have_no_predictions(client: Client) -> None:
    assert list(client.predict([])) == []


def test_a_table_is_answered_in_its_format(
    client: Client, names: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    pd.DataFrame([BENIGN, MALIGNANT], columns=names).to_csv(path, index=False)
    answer = client.predict_table(path, threshold=0.7)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["label"] for row in rows] == ["benign", "malignant"]
    assert (answer.media_type, answer.threshold) == ("text/csv", 0.7)
    assert (answer.model, answer.id is None) == (client.model().title, False)
    lines = client.predict_table(path.read_bytes(), accept="application/x-ndjson")
    assert lines.media_type == "application/x-ndjson"
    assert lines.text.count("\n") == 2


def test_an_invalid_row_of_a_table_is_marked_or_rejects_it(
    client: Client, names: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    pd.DataFrame([BENIGN, [99] * 9], columns=names).to_csv(path, index=False)
    marked = list(csv.DictReader(io.StringIO(client.predict_table(path, on_error="mark").text)))
    assert [bool(row["error"]) for row in marked] == [False, True]
    with pytest.raises(InvalidRequest):
        client.predict_table(path)
    with pytest.raises(ValueError, match=r"pass media_type for rows\.xlsx"):
        client.predict_table(tmp_path / "rows.xlsx")


def test_predictions_are_explained(client: Client, names: list[str]) -> None:
    answer = client.explain([MALIGNANT], include=["shapley", "neighbours"], reference="typical")
    [explained] = answer
    values = explained.shapley["probability"]["values"]
    assert set(values) == set(names)
    assert answer.reference["name"] == "typical"
    difference = explained.probability - answer.reference["probability"]
    assert sum(values.values()) == pytest.approx(difference, abs=1e-9)
    assert explained.neighbours["rows"] > 0
    with pytest.raises(AttributeError, match="this prediction has no counterfactuals"):
        _ = explained.counterfactuals
    row = dict(zip(names, MALIGNANT, strict=True))
    [curve] = client.explain(row, include=["curves"])
    assert set(curve.curves) == set(names)


def test_truth_is_recorded_and_counted(client: Client, names: list[str]) -> None:
    before = client.live()
    one = client.predict(dict(zip(names, MALIGNANT, strict=True)), subject="patient-17")
    many = client.predict([BENIGN, MALIGNANT])
    assert one.id is not None
    assert client.feedback(one.id, "malignant").outcome == "recorded"
    assert client.feedback(one.id, True).outcome == "unchanged"
    truths = {str(each.id): "benign" for each in many} | {f"{many.id}.7": "benign"}
    report = client.feedback_rows(truths)
    assert (report.rows, report.recorded, report.rejected) == (3, 2, 1)
    assert report.errors == [
        FieldError("feedback.2.id", "there is no such prediction in the store")
    ]
    with pytest.raises(NotFound, match="There is no such prediction"):
        client.feedback(f"{many.id}.9", "benign")
    with pytest.raises(InvalidRequest, match="truth must be"):
        client.feedback(one.id, "other")
    now = datetime.now(UTC)
    after = client.live(start=now - timedelta(days=1), end=now + timedelta(hours=2), by="hour")
    assert after.model == many.model
    assert after.rows >= before.rows + 3
    assert after.truth["rows"] >= 3
    assert {each.name for each in after.features} == set(names)
    assert set(after.drifted) <= {*names, *(each.name for each in after.predictions)}


def test_the_model_is_described(client: Client, names: list[str], wisconsin: Predictor) -> None:
    model = client.model()
    assert (model.name, model.version) == ("wisconsin", wisconsin.version)
    assert [feature["name"] for feature in model.features] == names
    assert model.target["task"] == "binary"
    assert model.threshold == model.operating_points["default"]
    assert client.metrics(threshold=0.9)["threshold"] == 0.9
    schema = client.input_schema()
    assert list(schema["properties"]) == names
    jsonschema.validate(dict(zip(names, BENIGN, strict=True)), schema)


def test_the_service_is_ready(client: Client) -> None:
    health = client.health()
    assert (health.is_ready, health.detail, health.failures) == (True, "", {})
    assert health.models == [health.model]


def test_a_rule_that_is_broken_is_an_exception(client: Client) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.predict([[5, 1, 1, 1, 2, 1, 3, 1, 11]])
    rule = "must be an integer from 1 to 10"
    assert caught.value.errors == [FieldError("instances.0.mitoses", rule)]
    assert (caught.value.status, caught.value.attempts) == (422, 1)
    assert f"(request {caught.value.request_id})" in str(caught.value)
    with pytest.raises(InvalidRequest, match="threshold must be"):
        client.predict([BENIGN], threshold=2)


def test_a_key_is_needed(url: str) -> None:
    with Client(url) as client:
        assert client.health().is_ready
        with pytest.raises(NotPermitted, match="401"):
            client.predict([BENIGN])
    with Client(url, api_key="lab.wrong") as client, pytest.raises(NotPermitted):
        client.model()


def test_a_model_and_its_version_are_selected(
    url: str, wisconsin: Predictor, client: Client
) -> None:
    version, key = wisconsin.version[:12], "lab.secret"
    with Client(url, api_key=key, model="wisconsin", version=version) as pinned:
        assert pinned.predict([BENIGN]).model == f"wisconsin@{version}"
        assert pinned.explain([BENIGN], include=["neighbours"]).model == f"wisconsin@{version}"
        assert pinned.live().model == client.live().model
        assert pinned.input_schema() == client.input_schema()
        assert pinned.model() == client.model()
    with Client(url, api_key=key, model="../model") as other, pytest.raises(NotFound):
        other.predict([BENIGN])
    with pytest.raises(ValueError, match="a version needs the name of its model"):
        Client(url, version=version)


def test_another_site_is_not_taken_for_the_service(url: str) -> None:
    def page(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, html="<html></html>")

    with Client(url, transport=httpx.MockTransport(page)) as client:
        for call in (
            client.model,
            client.health,
            client.input_schema,
            lambda: client.predict([BENIGN]),
            lambda: client.predict_table(b""),
        ):
            with pytest.raises(UnexpectedAnswer, match="is the address right"):
                call()

    def other(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={})

    with Client(url, transport=httpx.MockTransport(other)) as client:
        for empty in (client.model, client.health, lambda: client.predict({"mitoses": 1})):
            with pytest.raises(UnexpectedAnswer, match="is the address right"):
                empty()
        with pytest.raises(UnexpectedAnswer, match="no schema of a row"):
            client.input_schema()


@pytest.mark.anyio
async def test_the_async_client_has_the_same_answers(
    client: Client, async_client: AsyncClient, names: list[str], tmp_path: Path
) -> None:
    rows = [BENIGN, MALIGNANT]
    path = tmp_path / "rows.csv"
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    one = await async_client.predict(dict(zip(names, BENIGN, strict=True)))
    many = await async_client.predict(rows)
    assert list(many[1].fields.items()) == list(client.predict(rows)[1].fields.items())
    assert one.probability == many[0].probability
    assert (await async_client.predict_table(path)).text == client.predict_table(path).text
    kinds = ["certainty"]
    assert list(await async_client.explain(rows, include=kinds)) == list(
        client.explain(rows, include=kinds)
    )
    assert one.id is not None
    assert (await async_client.feedback(one.id, "benign")).outcome == "recorded"
    assert (await async_client.feedback_rows([(one.id, "benign")])).unchanged == 1
    assert (await async_client.live()).rows >= 2
    assert await async_client.model() == client.model()
    assert await async_client.metrics() == client.metrics()
    assert await async_client.input_schema() == client.input_schema()
    assert (await async_client.health()).is_ready
