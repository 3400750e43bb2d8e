"""Environment variables that are not settings: ports of platforms, service links, misspelled names.

Kubernetes sets variables for each Service of the namespace, called service links: for a Service
named malignancy, MALIGNANCY_PORT is tcp://ADDRESS:PORT.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Final

# Set by platforms that choose the port: Cloud Run, Heroku and others; Vertex AI.
PORT_VARIABLES: Final = ("PORT", "AIP_HTTP_PORT")
# Set by Vertex AI: the paths at which it sends predictions and checks a container.
PREDICT_ROUTE_VARIABLE: Final = "AIP_PREDICT_ROUTE"
HEALTH_ROUTE_VARIABLE: Final = "AIP_HEALTH_ROUTE"
ROUTE_RULE: Final = "must be a path that begins with a slash, of visible characters but {}?#"

_ROUTE: Final = re.compile(r"/[!-~]*")

_URL: Final = re.compile(r"(tcp|udp|sctp)://")
_SERVICE_LINK: Final = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


def platform_port(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the variable in which a platform gives the port, and its value; None without one."""
    return next(
        ((name, environment[name]) for name in PORT_VARIABLES if environment.get(name)), None
    )


def is_route(text: str) -> bool:
    """Return True for a path that can be served, see `ROUTE_RULE`."""
    return _ROUTE.fullmatch(text) is not None and not set(text) & set("{}?#")


def vertex_path(environment: Mapping[str, str], variable: str) -> str:
    """Return the path in a variable, without a slash at its end; empty if it is not set.

    Args:
        environment: Environment variables.
        variable: Name of the variable.
    """
    path = environment.get(variable, "")
    return path.rstrip("/") or path[:1]


def vertex_health_path(environment: Mapping[str, str]) -> str:
    """Return the path at which Vertex AI only checks a container; empty if there is none."""
    path = vertex_path(environment, HEALTH_ROUTE_VARIABLE)
    return "" if path == vertex_path(environment, PREDICT_ROUTE_VARIABLE) else path


def is_service_link(name: str, value: str) -> bool:
    """Return True if Kubernetes has set a variable for a Service.

    Args:
        name: Name of the variable, in upper case.
        value: Its value.
    """
    is_url = name.endswith("_PORT") and _URL.match(value) is not None
    return is_url or _SERVICE_LINK.fullmatch(name) is not None


def unknown_variables(
    environment: Mapping[str, str], prefix: str, known: Collection[str]
) -> dict[str, str | None]:
    """Return the variables with a prefix that are no settings, each with the nearest known one.

    Args:
        environment: Environment variables.
        prefix: Prefix of the settings.
        known: The names of all settings, in upper case and without the prefix.
    """
    unknown = {}
    for variable, value in environment.items():
        name = variable.upper()
        rest = name.removeprefix(prefix)
        if rest != name and rest not in known and not is_service_link(name, value):
            nearest = difflib.get_close_matches(rest, known, n=1)
            unknown[variable] = prefix + nearest[0] if nearest else None
    return unknown
