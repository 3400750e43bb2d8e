"""A page of another origin calls the service in Chromium, with a key and without."""

import hashlib
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
KEYS: Final = f"key:predict:{hashlib.sha256(b'secret').hexdigest()}"
PAGE: Final = """\
<!DOCTYPE html><title>page</title><pre></pre>
<script>
async function ask(key, row) {
  try {
    const answer = await fetch("URL/predict", {
      method: "POST",
      headers: {"Content-Type": "application/json", "X-API-Key": key},
      body: JSON.stringify({instances: [row]}),
    });
    await answer.json();
    return [answer.status, answer.headers.get("X-Request-ID") !== null];
  } catch (error) {
    return [0, false];
  }
}
(async () => {
  const row = [5, 1, 1, 1, 2, 1, 3, 1, 1];
  const found = [await ask("key.secret", row), await ask("key.secret", []), await ask("", row)];
  document.querySelector("pre").textContent = JSON.stringify(found);
})();
</script>
"""

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def page_server(folder: Path) -> Iterator[str]:
    """Serve a folder at another origin than the service's."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def results_in_browser(url: str, folder: Path) -> Any:
    """Open a page, and return what its script has found."""
    assert CHROMIUM is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    command = [CHROMIUM, *options, "--virtual-time-budget=20000", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search("<pre>(.*?)</pre>", done.stdout)
    assert found is not None
    return json.loads(unescape(found[1]))


@pytest.mark.parametrize("allowed", [True, False])
def test_a_page_reads_answers_and_errors_if_its_origin_is_allowed(
    serve_with: Callable[..., AbstractContextManager[int]], tmp_path: Path, allowed: bool
) -> None:
    with page_server(tmp_path) as origin:
        other = "https://page.example"
        settings = {"cors_origins": origin if allowed else other, "api_keys": KEYS}
        with serve_with(**settings) as port:
            page = PAGE.replace("URL", f"http://127.0.0.1:{port}")
            (tmp_path / "page.html").write_text(page)
            found = results_in_browser(f"{origin}/page.html", tmp_path)
    readable = [[200, True], [422, True], [401, True]]
    assert found == (readable if allowed else [[0, False]] * 3)
