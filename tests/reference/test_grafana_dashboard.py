"""The dashboard has only fields of Grafana's own models, with values of their types."""

import json

import pytest

from deploy.grafana.generate_dashboard import dashboard

pytest.importorskip("grafana_foundation_sdk")
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import prometheus
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel, RowPanel


def lost(given: object, returned: object) -> list[str]:
    """Return the places of fields that are lost or changed."""
    if isinstance(given, dict) and isinstance(returned, dict):
        return [
            f"{name} {place}".strip()
            for name, value in given.items()
            for place in (lost(value, returned[name]) if name in returned else ["lost"])
        ]
    if isinstance(given, list) and isinstance(returned, list) and len(given) == len(returned):
        pairs = enumerate(zip(given, returned, strict=True))
        return [f"{number} {place}" for number, pair in pairs for place in lost(*pair)]
    return [] if given == returned else ["changed"]


def test_the_models_of_grafana_keep_every_field() -> None:
    register_default_plugins()
    given = dashboard()
    read = Dashboard.from_json(given)
    assert lost(given, json.loads(JSONEncoder(sort_keys=True).encode(read))) == []
    assert read.panels is not None
    panels = [each for each in read.panels if isinstance(each, Panel)]
    assert len(panels) == sum(each["type"] != "row" for each in given["panels"])
    assert len(panels) + sum(isinstance(each, RowPanel) for each in read.panels) == len(read.panels)
    for panel in panels:
        assert panel.targets
        assert all(isinstance(each, prometheus.Dataquery) for each in panel.targets)
        assert not isinstance(panel.options, dict), panel.title  # a known type of panel


def test_an_unknown_field_would_be_found() -> None:
    assert lost({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}) == ["a 0 c lost"]
    assert lost({"a": 1}, {"a": 2}) == ["a changed"]
    given = {**dashboard(), "titel": "misspelt"}
    read = Dashboard.from_json(given)
    assert lost(given, json.loads(JSONEncoder(sort_keys=True).encode(read))) == ["titel lost"]
