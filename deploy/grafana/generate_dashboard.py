"""Write deploy/grafana/dashboard.json: python deploy/grafana/generate_dashboard.py."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parent / "dashboard.json"
COLUMNS: Final = 24  # of Grafana's grid
SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
JOB: Final = 'job=~"$job"'
MODEL: Final = f'{JOB}, model=~"$model"'
OR_ZERO: Final = " or vector(0)"  # a counter with labels appears with its first count
CLIENTS: Final = f'{JOB}, route!~"/health.*|/ping|/v[12]/.*(live|ready)"'  # without health checks


@dataclass(frozen=True)
class Panel:
    """One panel of the dashboard.

    Attributes:
        title: The title.
        text: The description.
        queries: PromQL by legend; legends have labels in double braces.
        unit: Grafana's name of the unit.
        width: Columns of the grid.
        kind: Type of the panel: timeseries, stat or table.
        steps: Values from which the color is another one, with the color.
    """

    title: str
    text: str
    queries: dict[str, str]
    unit: str = "short"
    width: int = 8
    kind: str = "timeseries"
    steps: tuple[tuple[float, str], ...] = ()


def rate(metric: str, labels: str, by: str = "") -> str:
    """Return the PromQL of the rate of a counter, summed.

    Args:
        metric: Name of the counter.
        labels: Its selector.
        by: The labels of the result, separated by commas.
    """
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


def quantile(share: float) -> str:
    """Return the PromQL of a quantile of the duration of predictions."""
    name = "malignancy_request_duration_seconds_bucket"
    buckets = rate(name, f'{JOB}, route="/predict"', "le")
    return f"histogram_quantile({share}, {buckets})"


def largest(metric: str, by: str) -> str:
    """Return the PromQL of a gauge of models, which is the same in all instances.

    Args:
        metric: Name of the gauge, without the prefix.
        by: The labels of the result, separated by commas.
    """
    return f"max by ({by}) (malignancy_{metric}{{{MODEL}}})"


def total(metric: str, by: str) -> str:
    """Return the PromQL of the sum of a counter.

    Args:
        metric: Name of the counter, without the prefix.
        by: The labels of the result, separated by commas.
    """
    return f"sum by ({by}) (malignancy_{metric}{{{JOB}}})"


REQUESTS: Final = rate("malignancy_requests_total", CLIENTS)
ERRORS: Final = rate("malignancy_requests_total", f'{CLIENTS}, status=~"5.."')

ROWS: Final = {
    "Service": (
        Panel(
            "Instances", "Instances that Prometheus can scrape.", {"": f"sum(up{{{JOB}}})"},
            width=4, kind="stat", steps=((0, "red"), (1, "green")),
        ),
        Panel(
            "Requests", "Without health checks.", {"": REQUESTS},
            unit="reqps", width=5, kind="stat",
        ),
        Panel(
            "Errors", "Share of the requests that are answered with 5xx, overload included.",
            {"": f"({ERRORS}{OR_ZERO}) / {REQUESTS}"},
            unit="percentunit", width=5, kind="stat", steps=((0, "green"), (0.01, "red")),
        ),
        Panel(
            "99 % of the predictions within", "Of the route /predict, tables included.",
            {"": quantile(0.99)},
            unit="s", width=5, kind="stat", steps=((0, "green"), (0.5, "red")),
        ),
        Panel(
            "Rows lost", "Rows that the store has lost in the last day.",
            {"": f"sum(increase(malignancy_store_dropped_total{{{JOB}}}[1d])){OR_ZERO}"},
            width=5, kind="stat", steps=((0, "green"), (1, "red")),
        ),
        Panel(
            "Requests by status", "Health checks included.",
            {"{{status}}": rate("malignancy_requests_total", JOB, "status")}, unit="reqps",
        ),
        Panel(
            "Duration of predictions", "Of the route /predict, tables included.",
            {"50 %": quantile(0.5), "90 %": quantile(0.9), "99 %": quantile(0.99)}, unit="s",
        ),
        Panel(
            "Requests answered with an error", "By reason.",
            {"{{reason}}": rate("malignancy_refused_requests_total", JOB, "reason")}, unit="reqps",
        ),
        Panel(
            "Requests in progress", "The scrape is one of them.",
            {"{{instance}}": f"malignancy_requests_in_flight{{{JOB}}}"},
        ),
        Panel(
            "CPU", "Cores in use.",
            {"{{instance}}": f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])"},
        ),
        Panel(
            "Memory", "Resident memory, and what requests are charged with.",
            {
                "{{instance}}": f"process_resident_memory_bytes{{{JOB}}}",
                "{{instance}} requests": f"malignancy_memory_charged_bytes{{{JOB}}}",
                "{{instance}} files": f"malignancy_spool_charged_bytes{{{JOB}}}",
            },
            unit="bytes",
        ),
        Panel(
            "Reloads", "Changed artifacts since the start of each instance.",
            {"{{model}} {{result}}": total("model_reloads_total", "model, result") + OR_ZERO},
        ),
        Panel(
            "Background failures", "Exceptions in background tasks, which continue.",
            {"{{task}}": total("background_failures_total", "task") + OR_ZERO},
        ),
        Panel(
            "Log lines dropped", "Because the buffer was full.",
            {"{{instance}}": f"malignancy_log_lines_dropped_total{{{JOB}}}"},
        ),
    ),
    "Model": (
        Panel(
            "Active versions", "More than one digest for a name: a rollout or a canary version.",
            {"": f"count by (name, version) (malignancy_model_info{{{MODEL}}})"}, kind="table",
        ),
        Panel(
            "Predicted rows", "By label.",
            {"{{model}} {{label}}": rate("malignancy_predictions_total", MODEL, "model, label")},
            unit="rowsps",
        ),
        Panel(
            "Share of labels", "A change is a reason to look at the drift of the features.",
            {
                "{{model}} {{label}}": rate("malignancy_predictions_total", MODEL, "model, label")
                + " / on (model) group_left () "
                + rate("malignancy_predictions_total", MODEL, "model")
            },
            unit="percentunit",
        ),
        Panel(
            "Drift: size", "PSI of each feature less what chance gives; large from 0.1.",
            {"{{model}} {{feature}}": largest("drift_psi", "model, feature")},
            steps=((0, "green"), (0.1, "red")),
        ),
        Panel(
            "Drift: adjusted p-value", "At most 0.05: the difference is not chance.",
            {"{{model}} {{feature}}": largest("drift_p", "model, feature")},
        ),
        Panel(
            "Rows of the last 7 days", "Answered rows, and those whose truth has arrived.",
            {
                "{{model}} answered": largest("live_rows", "model"),
                "{{model}} with truth": largest("truth_rows", "model"),
            },
        ),
        Panel(
            "Sensitivity", "At least, from the truth of 7 days (95 %); on the validation rows.",
            {
                "{{model}} at least": largest("live_sensitivity_low", "model"),
                "{{model}} validation": largest("validation_sensitivity", "model"),
            },
            unit="percentunit",
        ),
        Panel(
            "Truth by predicted label", "Since the start of each instance.",
            {"{{predicted}}, in truth {{truth}}": total("feedback_total", "predicted, truth")},
        ),
        Panel(
            "Decision threshold", "",
            {"{{model}}": largest("model_threshold", "model")},
        ),
    ),
    "Store and shadow versions": (
        Panel(
            "Age of the oldest row that waits", "Health is degraded from 5 s.",
            {"{{instance}}": f"malignancy_store_lag_seconds{{{JOB}}}"},
            unit="s", steps=((0, "green"), (5, "red")),
        ),
        Panel(
            "Store fails", "1 while an instance cannot write.",
            {"{{instance}}": f"malignancy_store_failing{{{JOB}}}"},
        ),
        Panel(
            "Rows of shadow versions", "Predicted, and dropped by reason.",
            {
                "predicted": rate("malignancy_shadow_rows_total", JOB),
                "{{reason}}": rate("malignancy_shadow_dropped_total", JOB, "reason") + OR_ZERO,
            },
            unit="rowsps",
        ),
    ),
}  # fmt: skip


def dashboard() -> dict[str, Any]:
    """Return the dashboard in Grafana's format."""
    panels: list[dict[str, Any]] = []
    bottom = 0
    for title, contents in ROWS.items():
        grid = {"x": 0, "y": bottom, "w": COLUMNS, "h": 1}
        panels.append({"type": "row", "title": title, "gridPos": grid, "collapsed": False})
        left, bottom, height = 0, bottom + 1, 0
        for panel in contents:
            if left + panel.width > COLUMNS:
                left, bottom = 0, bottom + height
            height = 4 if panel.kind == "stat" else 8
            grid = {"x": left, "y": bottom, "w": panel.width, "h": height}
            panels.append({**_panel(panel), "gridPos": grid})
            left += panel.width
        bottom += height
    return {
        "uid": "malignancy",
        "title": "Malignancy",
        "description": "The service, its models, its store.",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "tags": ["malignancy"],
        "templating": {"list": _variables()},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }


def _panel(panel: Panel) -> dict[str, Any]:
    steps = [
        {"value": value or None, "color": color}  # the first step has no lower end
        for value, color in panel.steps or ((0, "green"),)
    ]
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    options: dict[str, Any] = {}
    if panel.kind == "timeseries":
        defaults |= {"min": 0, "custom": {"fillOpacity": 10, "thresholdsStyle": {"mode": "line"}}}
        if not panel.steps:
            defaults["custom"] = {"fillOpacity": 10}
        options = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
    elif panel.kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area"}
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend or "__auto",
            "instant": panel.kind == "table",
            "range": panel.kind != "table",
            "format": "table" if panel.kind == "table" else "time_series",
        }
        for number, (legend, expression) in enumerate(panel.queries.items())
    ]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": targets,
    }


def _variables() -> list[dict[str, Any]]:
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}
    return [source, *(
        {
            "name": name,
            "label": name.capitalize(),
            "type": "query",
            "datasource": SOURCE,
            "query": f"label_values({metric}, {name})",
            "refresh": 2,  # when the time changes
            "includeAll": True,
            "multi": True,
            "current": {"text": ["All"], "value": ["$__all"]},
        }
        for name, metric in (
            ("job", "malignancy_requests_in_flight"),
            ("model", 'malignancy_model_info{job=~"$job"}'),
        )
    )]  # fmt: skip


def dashboard_text() -> str:
    """Return the text of the file."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(dashboard_text(), encoding="utf-8")
