"""What a Prometheus server scrapes: the metrics of all workers, and facts of the loaded models."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from model.metrics.threshold_metrics import NUMBERS
from service.observability.metrics import PREDICTIONS, PREFIX, SHARED_FOLDER, Telemetry
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry
from service.registry.validation_metrics import THRESHOLD_METRICS

logger = logging.getLogger(__name__)


class PrometheusExporter:
    """The metrics as they are now, for prometheus_client to write down.

    Of versions that are no longer loaded nothing is told.
    """

    def __init__(self, models: ModelRegistry, telemetry: Telemetry) -> None:
        self._models, self._telemetry = models, telemetry

    def collect(self) -> Iterator[Metric]:
        """Every metric with its series."""
        loaded = self._models.titles
        self._telemetry.forget_all_but(loaded)
        if SHARED_FOLDER:
            metrics = merge_workers(Path(SHARED_FOLDER))
        else:
            metrics = self._telemetry.registry.collect()
        for metric in metrics:
            if metric.name == PREDICTIONS:
                metric.samples = [s for s in metric.samples if s.labels["model"] in loaded]
            # prometheus_client tells when each series began by one more series.
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric
        yield from _of_models([model.current for model in self._models.by_name.values()])


def merge_workers(folder: Path) -> Iterable[Metric]:
    """The sum of the metrics in the files of worker processes, also of those that have ended.

    A worker that was killed while it made a file leaves half of one, which is passed over.
    """
    return _merged(*(file for file in sorted(folder.glob("*.db")) if _is_whole(file)))


def _merged(*files: Path) -> Iterable[Metric]:
    metrics: Iterable[Metric] = MultiProcessCollector.merge(  # type: ignore[no-untyped-call]
        [str(file) for file in files]
    )
    return metrics


def _is_whole(file: Path) -> bool:
    try:
        _merged(file)
    except Exception as error:  # whatever is in there, it is not ours
        logger.debug("metrics_file_skipped", extra={"file": file.name, "error": str(error)})
        return False
    return True


def _of_models(every: list[ModelVersion]) -> Iterator[Metric]:
    info = _gauge("model_info", "Which version of each model is in force.", "name", "version")
    threshold = _gauge("model_threshold", "The threshold in force.")
    found: dict[str, GaugeMetricFamily] = {}
    for model_version in every:
        predictor = model_version.predictor
        info.add_metric([model_version.title, predictor.name, predictor.version], 1)
        if predictor.schema.target.has_threshold:
            threshold.add_metric([model_version.title], model_version.thresholds.active)
        for name, output, value in model_version.validation_metrics:
            if name not in found:
                found[name] = _figure(name)
            labels = [model_version.title, output] if name in NUMBERS else [model_version.title]
            found[name].add_metric(labels, value)
    yield from (info, threshold, *found.values())


def _figure(name: str) -> GaugeMetricFamily:
    text = f"On the validation rows: {name.replace('_', ' ')}"
    if name in THRESHOLD_METRICS:
        text += ", at the threshold in force"
    labels = ["output"] if name in NUMBERS else []
    return _gauge(f"validation_{name}", f"{text}.", *labels)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=("model", *labels))
