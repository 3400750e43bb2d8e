"""service/environment.py: service links of Kubernetes, and misspelled variables."""

import pytest

from service.environment import is_service_link, unknown_variables

# What Kubernetes sets in each pod for a Service malignancy and a Service malignancy-canary.
LINKS = {
    "MALIGNANCY_SERVICE_HOST": "10.0.0.1",
    "MALIGNANCY_SERVICE_PORT": "80",
    "MALIGNANCY_SERVICE_PORT_HTTP": "80",
    "MALIGNANCY_PORT": "tcp://10.0.0.1:80",
    "MALIGNANCY_PORT_80_TCP": "tcp://10.0.0.1:80",
    "MALIGNANCY_PORT_80_TCP_PROTO": "tcp",
    "MALIGNANCY_PORT_80_TCP_PORT": "80",
    "MALIGNANCY_PORT_80_TCP_ADDR": "10.0.0.1",
    "MALIGNANCY_CANARY_SERVICE_HOST": "10.0.0.2",
    "MALIGNANCY_CANARY_PORT": "tcp://10.0.0.2:80",
    "MALIGNANCY_CANARY_PORT_80_TCP": "tcp://10.0.0.2:80",
}


@pytest.mark.parametrize("name", LINKS)
def test_a_service_link_is_not_a_misspelled_setting(name: str) -> None:
    assert is_service_link(name, LINKS[name])
    assert unknown_variables({name: LINKS[name]}, "MALIGNANCY_", {"HOST"}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [("MALIGNANCY_PORT", "8000"), ("MALIGNANCY_PORTS", "tcp://a"), ("MALIGNANCY_HOST", "tcp://a")],
)
def test_other_variables_are_no_service_links(name: str, value: str) -> None:
    assert not is_service_link(name, value)
