"""Write the alert rules as a PrometheusRule: python deploy/prometheus/generate_rules.py.

Kustomize cannot put a file into another resource than a ConfigMap or a Secret.
"""

from pathlib import Path
from textwrap import indent
from typing import Final

ALERTS: Final = Path(__file__).parent / "alerts.yaml"
FILE: Final = ALERTS.parents[1] / "kubernetes" / "components" / "service_monitor" / "rules.yaml"
HEAD: Final = """\
# Generated from deploy/prometheus/alerts.yaml by deploy/prometheus/generate_rules.py; do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: malignancy
spec:
"""


def rules_text() -> str:
    """Return the text of the file."""
    _, _, groups = ALERTS.read_text(encoding="utf-8").partition("groups:\n")
    return HEAD + indent("groups:\n" + groups, "  ")


if __name__ == "__main__":
    FILE.write_text(rules_text(), encoding="utf-8")
