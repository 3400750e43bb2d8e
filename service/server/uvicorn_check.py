"""A check that the installed uvicorn has what the service uses of it.

The service extends uvicorn's server and request cycle, and uses attributes that uvicorn does not
document, so a later version may lack them.
"""

from inspect import isfunction
from itertools import chain
from typing import Final

import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

REQUIREMENT: Final = "uvicorn>=0.53,<0.55"  # as in pyproject.toml

NEEDED: Final = {  # names of methods and of attributes of instances
    uvicorn.Config: "backlog http_protocol_class loaded_app".split(),
    uvicorn.Server: (
        "config servers server_state lifespan should_exit"
        " capture_signals on_tick run shutdown startup"
    ).split(),
    ServerState: "connections default_headers tasks total_requests".split(),
    FlowControl: "read_paused pause_reading resume_reading pause_writing resume_writing".split(),
    RequestResponseCycle: (
        "scope message_event on_response disconnected keep_alive waiting_for_100_continue body"
        " more_body response_started response_complete run_asgi receive send"
    ).split(),
}


class UvicornError(Exception):
    """The installed uvicorn does not fit: a sentence with what it lacks and the remedy."""


def check_uvicorn() -> None:
    """Check that uvicorn's classes have all needed attributes.

    Raises:
        UvicornError: An attribute is missing.
    """
    for owner, names in NEEDED.items():
        # Attributes of instances are names that the methods use.
        used = (each.__code__.co_names for each in vars(owner).values() if isfunction(each))
        present = {*dir(owner), *chain.from_iterable(used)}
        for name in names:
            if name not in present:
                raise UvicornError(
                    f"uvicorn {uvicorn.__version__} lacks {owner.__name__}.{name}, which the"
                    f" service needs; install '{REQUIREMENT}'."
                )
