"""nginx accepts the configuration of docs/how-to/tls.md."""

import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
from support.certificates import write_certificate
from support.paths import DOCS

TEMPORARY = "".join(
    f"{kind}_temp_path {{folder}}/{kind};\n"
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


def test_nginx_accepts_the_configuration(tmp_path: Path) -> None:
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not installed")
    page = (DOCS / "how-to" / "tls.md").read_text(encoding="utf-8")
    shown = re.search(r"^## nginx\n\n((?:    .*\n|\n)+)", page, re.MULTILINE)
    assert shown is not None
    servers = textwrap.dedent(shown[1])
    assert "listen 443 ssl;" in servers
    certificate = re.search(r"ssl_certificate +(\S+)\.pem;", servers)
    assert certificate is not None
    write_certificate(tmp_path, "x")
    servers = servers.replace(certificate[1], str(tmp_path / "x"))
    servers = servers.replace("listen 443", f"listen unix:{tmp_path}/socket")
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error; events {{}}\n"
        f"http {{ access_log off;\n{TEMPORARY.format(folder=tmp_path)}{servers}}}\n"
    )
    command = [nginx, "-t", "-e", str(tmp_path / "error"), "-c", str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
