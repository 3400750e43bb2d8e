"""Tests of service.registry.canary: the share, what decides, and which version is used."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.random_model import random_model

from service.registry.canary import Canary
from service.registry.model_version import ModelVersion
from service.registry.registry import Model, ModelRegistry
from service.request_context import RequestContext
from service.settings import SettingError, Settings

ACTIVE, OTHER = "a" * 64, "0123456789abcdef" * 4


def version_of(sha256: str, task: str = "binary") -> ModelVersion:
    return ModelVersion(replace(random_model(task), version=sha256), Settings())


class Versions(Model):
    """A model with several versions."""

    def __init__(self, *versions: ModelVersion) -> None:
        super().__init__(versions[0])
        self._all = list(versions)

    @property
    def versions(self) -> list[ModelVersion]:
        return self._all


def test_the_share_of_random_requests() -> None:
    canary = Canary(OTHER[:12], 5)
    taken = sum(canary.takes(RequestContext(f"{number:032x}")) for number in range(20_000))
    assert 0.045 < taken / 20_000 < 0.055
    assert all(Canary(OTHER, 100).takes(RequestContext(str(n))) for n in range(1_000))


@given(st.text(max_size=20), st.text(max_size=20), st.text(min_size=1, max_size=9))
def test_a_subject_decides_before_a_key_and_a_key_before_the_request(
    one: str, other: str, key: str
) -> None:
    canary, subject = Canary(OTHER, 50), b"s" * 32
    taken = canary.takes(RequestContext(one, key=key, subject=subject))
    assert canary.takes(RequestContext(other, key=f"{key}x", subject=subject)) == taken
    assert canary.takes(RequestContext(other, subject=subject)) == taken
    with_key = canary.takes(RequestContext(one, key=key))
    assert canary.takes(RequestContext(other, key=key)) == with_key


def test_other_versions_divide_other_requests() -> None:
    both = [Canary(digest, 50) for digest in (OTHER, ACTIVE)]
    chosen = [
        tuple(each.takes(RequestContext(str(number))) for each in both) for number in range(4_000)
    ]
    assert 800 < chosen.count((True, True)) < 1_200


def test_the_version_that_answers() -> None:
    active, other = version_of(ACTIVE), version_of(OTHER)
    models = ModelRegistry([Versions(active, other)], Canary(OTHER[:12], 100))
    request = RequestContext("r")
    assert models.find_to_predict(request) is other
    assert models.find_to_predict(request, "kinds") is other
    assert models.find_to_predict(request, "kinds", ACTIVE[:12]) is active
    assert models.find() is active
    without = ModelRegistry([Versions(active, other)])
    assert without.find_to_predict(request) is active
    with pytest.raises(Exception, match="There is no model"):
        models.find_to_predict(request, "no")


def test_a_version_that_is_gone_answers_nothing() -> None:
    active, other = version_of(ACTIVE), version_of(OTHER)
    model = Versions(active, other)
    models = ModelRegistry([model], Canary(OTHER, 100))
    model._all.remove(other)
    assert models.find_to_predict(RequestContext("r")) is active


def test_versions_that_cannot_answer() -> None:
    active = version_of(ACTIVE)
    for versions in ((active,), (active, version_of(OTHER, "multi_class"))):
        with pytest.raises(SettingError, match="MALIGNANCY_CANARY"):
            ModelRegistry([Versions(*versions)], Canary(OTHER, 5))


@pytest.mark.parametrize(
    "text", ["", "0123456789ab", "0123456789ab:0", "0123456789ab:101", "0123456789a:5", "x:5"]
)
def test_settings(text: str) -> None:
    if text:
        with pytest.raises(ValueError, match="DIGEST:PERCENT"):
            Settings(canary=text)
    else:
        assert Settings().canary_share is None
    assert Settings(canary=" 0123456789ab:0.5").canary_share == ("0123456789ab", 0.5)
