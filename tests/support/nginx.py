"""nginx as a proxy of a service."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.eventually import until

CONFIGURATION = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream service {{ server 127.0.0.1:{service}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_timeout 1;
    location {location} {{
      proxy_pass http://service{path}; proxy_http_version 1.1; proxy_request_buffering off;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
    }}
  }}
}}
"""


@contextmanager
def running_nginx(service: int, folder: Path, location: str = "/", path: str = "") -> Iterator[int]:
    """Run nginx on a free port within the context; skip the test where it is not installed.

    Args:
        service: The port of the service.
        folder: An empty folder.
        location: The prefix of the paths that are sent there.
        path: What replaces `location` in these paths; without it, they are sent as they are.

    Yields:
        The port.
    """
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, service=service, port=port, location=location, path=path
        )
    )

    def listens() -> bool:
        assert process.poll() is None, (folder / "error").read_text()
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", port)) == 0

    with subprocess.Popen([program, "-e", f"{folder}/error", "-c", configuration]) as process:
        try:
            until(listens)
            yield port
        finally:
            process.terminate()
