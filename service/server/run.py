"""Entry point of the service: read the settings, load the artifacts, serve until a signal.

Exit codes: 0 after SIGTERM or Ctrl-C, 2 for an invalid setting or artifact, 3 if the server or its
workers cannot start, for example because the port is in use.
"""

import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection

import uvicorn

from model.errors import ArtifactError
from service.app import Service, create_app
from service.lifecycle import Lifecycle, Phase
from service.observability.access_log import access_log
from service.observability.log_writer import LogWriter
from service.observability.logging import configure_logging
from service.observability.tracing import check_protocol, create_tracer_provider
from service.protocol.connection_context import ConnectionContext
from service.protocol.http_protocol import hardened_protocol
from service.server.allocator import return_free_memory
from service.server.descriptors import limit_connections
from service.server.graceful import GracefulServer
from service.server.listeners import BACKLOG, AddressError, open_listeners, url_of
from service.server.supervisor import follow_supervisor, serve_with_workers
from service.server.uvicorn_check import UvicornError, check_uvicorn
from service.settings import SettingError, Settings, read_settings, unknown_settings

logger = logging.getLogger(__name__)

SWITCH_INTERVAL_SECONDS = 0.0005


def main(arguments: Sequence[str]) -> int:
    """Run the service with these command line arguments, and return the exit code."""
    try:
        check_uvicorn()
        settings = read_settings(arguments)
        check_protocol()
        log_writer = _configure_logging(settings)
        for variable, nearest in unknown_settings().items():
            logger.warning("unknown_setting", extra={"variable": variable, "nearest": nearest})
        with open_listeners(settings) as listeners:
            return _serve(settings, listeners, log_writer)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    except (AddressError, UvicornError) as error:
        print(error, file=sys.stderr)
        return 3
    except ArtifactError as error:
        print(
            f"{error}\nTrain a model with: malignancy train (or python -m model train)",
            file=sys.stderr,
        )
        return 2


def _serve(settings: Settings, listeners: list[socket.socket], log_writer: LogWriter) -> int:
    """Serve with one process or several until a signal, and return the exit code.

    Args:
        settings: The settings of the service.
        listeners: The listening sockets.
        log_writer: Writer of log lines.
    """
    if settings.workers > 1:
        create_app(settings)  # reports errors of the settings and artifacts once
        _log_addresses(listeners)
        return 0 if serve_with_workers(_serve_as_worker, settings, listeners) else 3
    lifecycle = Lifecycle(settings.drain_seconds)
    app = _make_app(settings, lifecycle, log_writer)
    lifecycle.follow_signals()
    on_started = partial(_log_addresses, listeners)
    GracefulServer(_config(app, settings, lifecycle), lifecycle, on_started).run(listeners)
    return 0


def _log_addresses(listeners: list[socket.socket]) -> None:
    """Log the addresses in the words of uvicorn, which logs none of sockets that it is given."""
    for listener in listeners:
        logger.info("Uvicorn running on %s (Press CTRL+C to quit)", url_of(listener))


def _serve_as_worker(
    settings: Settings, listeners: list[socket.socket], commands: Connection
) -> None:
    """Run one of several worker processes until the supervisor stops it or is gone.

    A worker whose artifact cannot be read any more exits with code 1; the supervisor then starts
    another one after a pause.

    Args:
        settings: The settings of the service.
        listeners: The listening sockets that all workers share.
        commands: The pipe to the supervisor.
    """
    lifecycle = Lifecycle(settings.drain_seconds)
    threading.Thread(
        target=follow_supervisor, args=(commands, lifecycle), name="commands", daemon=True
    ).start()
    try:
        app = _make_app(settings, lifecycle, _configure_logging(settings))
    except (ArtifactError, SettingError) as error:
        logger.error("worker_setup_failed", extra={"error": str(error)})
        sys.exit(1)
    # SIGTERM and Ctrl-C may reach all processes. A second signal counts in the supervisor only.
    signal.signal(signal.SIGTERM, lambda *_: lifecycle.advance_to(Phase.DRAINING))
    GracefulServer(_config(app, settings, lifecycle), lifecycle).run(listeners)


def _config(app: Service, settings: Settings, lifecycle: Lifecycle) -> uvicorn.Config:
    connections = limit_connections(settings.max_connections)
    settings = settings.model_copy(update={"max_connections": connections})
    return uvicorn.Config(
        app,
        http=hardened_protocol(
            ConnectionContext(settings, lifecycle, app.count_rejected, app.memory, app.find_handler)
        ),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        backlog=BACKLOG,
        proxy_headers=False,
        server_header=False,
    )


def _make_app(settings: Settings, lifecycle: Lifecycle, log_writer: LogWriter) -> Service:
    """Create the application of a process, with its access log and tracing; tune the interpreter.

    Args:
        settings: The settings of the service.
        lifecycle: The lifecycle of the process.
        log_writer: Writer of log lines.

    Raises:
        ArtifactError: An artifact cannot be read.
        SettingError: A setting does not fit the models.
    """
    app = create_app(
        settings,
        access_log=access_log(settings.log_level, settings.log_format, log_writer)
        if settings.access_log
        else None,
        tracer_provider=create_tracer_provider(),
        lifecycle=lifecycle,
        log_writer=log_writer,
    )
    # A thread that works on a large body yields to other requests after 0.5 ms instead of 5 ms.
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    # The objects created so far are permanent; each garbage collection of them would take 20 ms.
    gc.collect()
    gc.freeze()
    return_free_memory()
    return app


def _configure_logging(settings: Settings) -> LogWriter:
    """Send log lines to standard error, or to the null device if there is no standard error."""
    try:
        writer = LogWriter(sys.stderr.fileno())
    except (AttributeError, OSError):
        writer = LogWriter(os.open(os.devnull, os.O_WRONLY))
    configure_logging(settings.log_level, settings.log_format, writer)
    return writer
