"""Read the settings, load the artifact, serve until told to stop.

Exit codes: 0 after SIGTERM or Ctrl-C, 2 when a setting or the artifact is wrong, 3 when the server
cannot start, for instance because the port is taken.
"""

import gc
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from model.errors import ArtifactError
from service.app import create_app
from service.guarded import guarded
from service.logs import access_log, configure_logging
from service.settings import SettingError, Settings, read_settings
from service.tracing import tracer_to_collector
from service.workers import PATIENCE_SECONDS, end_with_the_parent, serve_by_workers

logger = logging.getLogger(__name__)

WORKERS_APP = "service.server:make_workers_app"
GRACE_SECONDS = 10  # for requests in flight when told to stop
SWITCH_SECONDS = 0.0005


def main(arguments: Sequence[str]) -> int:
    """Serve with these command line arguments. Returns the exit code."""
    try:
        settings = read_settings(arguments)
        if settings.workers > 1:
            configure_logging(settings.log_level, settings.log_format)
            create_app(settings)  # what is wrong with it is told here, once
            return 0 if serve_by_workers(_config(WORKERS_APP, settings), settings) else 3
        app = make_app(settings)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    except ArtifactError as error:
        print(f"{error}\nMake an artifact with: python -m model train", file=sys.stderr)
        return 2
    serve(uvicorn.Server(_config(app, settings)))
    return 0


def make_workers_app() -> FastAPI:
    """The service of a worker process, by the settings of the environment.

    When the artifact has become one that cannot be read, the process ends, and another tries.
    """
    settings = Settings()
    end_with_the_parent()
    try:
        return make_app(settings)
    except (ArtifactError, SettingError) as error:
        logger.error("a worker cannot start: %s", error)
        sys.exit(1)


def _config(app: FastAPI | str, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        http=guarded(settings),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=PATIENCE_SECONDS,
    )


def make_app(settings: Settings) -> FastAPI:
    """The service with what a process of its own adds: log lines and tracing.

    Raises ArtifactError, SettingError.
    """
    configure_logging(settings.log_level, settings.log_format)
    app = create_app(
        settings,
        access_log=access_log(settings.log_level, settings.log_format)
        if settings.access_log
        else None,
        tracer_provider=tracer_to_collector(),
    )
    # A thread that works on a large body lets other requests in between sooner than after 5 ms.
    sys.setswitchinterval(SWITCH_SECONDS)
    # What was made until now stays; looking through it for garbage would take 20 ms every time.
    gc.collect()
    gc.freeze()
    return app


def serve(server: uvicorn.Server) -> None:
    """Run until SIGTERM or Ctrl-C, then return."""

    def on_terminate(_signal: int, _frame: FrameType | None) -> None:
        # uvicorn shuts down on SIGTERM and then raises it again, which would end the process as
        # killed; by then there is nothing left to do.
        if not server.started:
            sys.exit(0)

    signal.signal(signal.SIGTERM, on_terminate)
    with suppress(KeyboardInterrupt):
        server.run()
