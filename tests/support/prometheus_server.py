"""A Prometheus server of the tests, in a temporary folder and on the loopback interface."""

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Self

import httpx
import yaml
from support.eventually import until

SCRAPE_SECONDS = 1


def missing_prometheus() -> str:
    """Return what is missing to run a server and promtool; "" if nothing is."""
    missing = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


class PrometheusServer:
    """Scrapes targets each second within the context.

    Args:
        folder: An empty folder for its files.
        targets: Addresses to scrape, HOST:PORT, as the job malignancy.
        rules: A file of alert rules.
    """

    def __init__(self, folder: Path, targets: list[str], rules: Path) -> None:
        self._folder = folder
        scrape = {"job_name": "malignancy", "static_configs": [{"targets": targets}]}
        seconds = f"{SCRAPE_SECONDS}s"
        configuration = {
            "global": {"scrape_interval": seconds, "evaluation_interval": seconds},
            "rule_files": [str(rules)],
            "scrape_configs": [scrape],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"

    def __enter__(self) -> Self:
        with (self._folder / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self._folder / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=log,
            )
        until(self._is_ready)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an instant query, each with "metric" and "value"."""
        answer = httpx.post(f"{self.url}/api/v1/query", data={"query": expression}, timeout=30)
        assert answer.status_code == 200, (expression, answer.text)
        result = answer.json()["data"]["result"]
        return list(result) if isinstance(result, list) else [result]

    def alerts(self) -> set[str]:
        """Return the names of the alerts that are pending or firing."""
        answer = httpx.get(f"{self.url}/api/v1/alerts", timeout=30).raise_for_status()
        return {each["labels"]["alertname"] for each in answer.json()["data"]["alerts"]}

    def rules(self) -> dict[str, str]:
        """Return the health of each rule by its name: "ok" after an evaluation without error."""
        answer = httpx.get(f"{self.url}/api/v1/rules", timeout=30).raise_for_status()
        groups = answer.json()["data"]["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log.txt").read_text("utf-8")
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=30).status_code == 200
        except httpx.TransportError:
            return False
