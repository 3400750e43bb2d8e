"""Prometheus exporter: metrics of all workers, and validation metrics of the active models."""

import logging
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from model.metrics.threshold_metrics import NUMBERS
from service.observability.metric_families import PREDICTIONS, PREFIX
from service.observability.metrics import SHARED_FOLDER, Telemetry
from service.observability.process_metrics import process_metrics
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry
from service.registry.validation_metrics import THRESHOLD_METRICS

logger = logging.getLogger(__name__)


class Collector(Protocol):
    """Collector of further metrics."""

    def collect(self) -> Iterable[Metric]:
        """Return the metrics, without reading or computing anything."""


class PrometheusExporter:
    """prometheus_client collector of the current metrics.

    Series of model versions that are no longer loaded are left out.

    Args:
        models: The models in service.
        telemetry: The metrics of this process.
        further: Collector of further metrics; None for none.
    """

    def __init__(
        self, models: ModelRegistry, telemetry: Telemetry, further: Collector | None = None
    ) -> None:
        self._models, self._telemetry, self._further = models, telemetry, further

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its series."""
        titles = self._models.titles
        self._telemetry.remove_other_titles(titles)
        if self._telemetry.store is not None:
            self._telemetry.store.publish()
        metrics: Iterable[Metric]
        if SHARED_FOLDER:
            workers = merge_workers(Path(SHARED_FOLDER))
            metrics = chain(self._telemetry.collect(), workers, process_metrics())
        else:
            metrics = self._telemetry.registry.collect()
        for metric in metrics:
            if metric.name == f"{PREFIX}_{PREDICTIONS}":
                metric.samples = [s for s in metric.samples if s.labels["model"] in titles]
            # prometheus_client adds a series with the time of creation for each series.
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric
        yield from _model_metrics([model.current for model in self._models.by_name.values()])
        if self._further is not None:
            yield from self._further.collect()


class NamedMetrics:
    """prometheus_client collector of some metrics.

    Args:
        exporter: Collector of all metrics.
        names: Names of metrics or of their series, such as malignancy_requests_total.
    """

    def __init__(self, exporter: PrometheusExporter, names: Collection[str]) -> None:
        self._exporter, self._names = exporter, frozenset(names)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of which a series has been named, with the named series only."""
        for metric in self._exporter.collect():
            if metric.name not in self._names:
                metric.samples = [s for s in metric.samples if s.name in self._names]
            if metric.samples:
                yield metric


def merge_workers(folder: Path) -> Iterable[Metric]:
    """Sum the metrics in the files of all worker processes, including those that have exited.

    A worker that is killed while it creates a file leaves a broken file, which is skipped.
    """
    return _merge(*(file for file in sorted(folder.glob("*.db")) if _is_readable(file)))


def _merge(*files: Path) -> Iterable[Metric]:
    metrics: Iterable[Metric] = MultiProcessCollector.merge(  # type: ignore[no-untyped-call]
        [str(file) for file in files]
    )
    return metrics


def _is_readable(file: Path) -> bool:
    try:
        _merge(file)
    except Exception as error:  # a broken file can cause any exception in prometheus_client
        logger.debug("metrics_file_skipped", extra={"file": file.name, "error": str(error)})
        return False
    return True


def _model_metrics(model_versions: list[ModelVersion]) -> Iterator[Metric]:
    info = _gauge("model_info", "Active version of each model; the value is 1.", "name", "version")
    threshold = _gauge("model_threshold", "Active decision threshold.")
    validation: dict[str, GaugeMetricFamily] = {}
    for model_version in model_versions:
        predictor = model_version.predictor
        info.add_metric([model_version.title, predictor.name, predictor.version], 1)
        if predictor.schema.target.has_threshold:
            threshold.add_metric([model_version.title], model_version.thresholds.active)
        for name, output, value in model_version.validation_metrics:
            if name not in validation:
                validation[name] = _validation_gauge(name)
            labels = [model_version.title, output] if name in NUMBERS else [model_version.title]
            validation[name].add_metric(labels, value)
    yield from (info, threshold, *validation.values())


def _validation_gauge(name: str) -> GaugeMetricFamily:
    text = f"{name.replace('_', ' ').capitalize()} on the validation rows"
    if name in THRESHOLD_METRICS:
        text += ", at the active threshold"
    labels = ["output"] if name in NUMBERS else []
    return _gauge(f"validation_{name}", f"{text}.", *labels)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=("model", *labels))
