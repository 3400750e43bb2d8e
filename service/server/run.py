"""Read the settings, load the artifact, serve until told to stop.

Exit codes: 0 after SIGTERM or Ctrl-C, 2 when a setting or the artifact is wrong, 3 when the server
cannot start, for instance because the port is taken.
"""

import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection

import uvicorn
from fastapi import FastAPI

from model.errors import ArtifactError
from service.app import create_app
from service.lifecycle import Lifecycle
from service.observability.access_log import access_log
from service.observability.log_writer import LogWriter
from service.observability.logging import configure_logging
from service.observability.tracing import tracer_to_collector
from service.protocol.http_protocol import hardened_protocol
from service.server.graceful import GracefulServer
from service.server.supervisor import control_loop, serve_by_workers
from service.settings import SettingError, Settings, read_settings

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005


def main(arguments: Sequence[str]) -> int:
    """Serve with these command line arguments. Returns the exit code."""
    try:
        settings = read_settings(arguments)
        if settings.workers > 1:
            configure_logging(settings.log_level, settings.log_format, _log_lines())
            create_app(settings)  # what is wrong with it is told here, once
            return 0 if serve_by_workers(serve_as_worker, settings) else 3
        lifecycle = Lifecycle(settings.drain_seconds)
        server = GracefulServer(
            _config(make_app(settings, lifecycle), settings, lifecycle), lifecycle
        )
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    except ArtifactError as error:
        print(f"{error}\nMake an artifact with: python -m model train", file=sys.stderr)
        return 2
    server.run()
    return 0


def serve_as_worker(settings: Settings, listener: socket.socket, commands: Connection) -> None:
    """Be one of several processes, until the one that supervises them says to stop, or is gone.

    When the artifact has become one that cannot be read, the process ends, and another tries.
    """
    lifecycle = Lifecycle(settings.drain_seconds, all_workers=False)
    threading.Thread(
        target=control_loop, args=(commands, lifecycle), name="commands", daemon=True
    ).start()
    try:
        app = make_app(settings, lifecycle)
    except (ArtifactError, SettingError) as error:
        logger.error("a worker cannot start: %s", error)
        sys.exit(1)
    # Ctrl-C at a terminal comes to all; the supervisor tells.
    GracefulServer(_config(app, settings, lifecycle), lifecycle, [signal.SIGTERM]).run([listener])


def _config(app: FastAPI, settings: Settings, lifecycle: Lifecycle) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=hardened_protocol(settings, lifecycle),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )


def make_app(settings: Settings, lifecycle: Lifecycle) -> FastAPI:
    """The service with what a process of its own adds: log lines and tracing.

    Raises ArtifactError, SettingError.
    """
    lines = _log_lines()
    configure_logging(settings.log_level, settings.log_format, lines)
    app = create_app(
        settings,
        access_log=access_log(settings.log_level, settings.log_format, lines)
        if settings.access_log
        else None,
        tracer_provider=tracer_to_collector(),
        lifecycle=lifecycle,
        log_lines=lines,
    )
    # A thread that works on a large body lets other requests in between sooner than after 5 ms.
    sys.setswitchinterval(SWITCH_SECONDS)
    # What was made until now stays; looking through it for garbage would take 20 ms every time.
    gc.collect()
    gc.freeze()
    return app


def _log_lines() -> LogWriter:
    """To standard error, or nowhere if there is none."""
    try:
        return LogWriter(sys.stderr.fileno())
    except (AttributeError, OSError):
        return LogWriter(os.open(os.devnull, os.O_WRONLY))
