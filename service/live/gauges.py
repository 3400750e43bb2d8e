"""Gauges of the last 7 days for Prometheus, computed in the background and never in a scrape."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from model.prediction.target import Binary, Regression
from service.background import repeat
from service.live.answer import drift_figures
from service.live.query import default_query
from service.live.reader import LiveReader
from service.live.truth import truth_figures
from service.overload.threads import run_in_thread
from service.registry.model_version import ModelVersion
from service.registry.registry import ModelRegistry
from service.store.databases.database import StoreError

logger = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 60.0
PREFIX: Final = "malignancy"


class LiveGauges:
    """The gauges, at most `REFRESH_SECONDS` and the time of their computation old.

    Args:
        reader: Reads the figures.
        models: The models in service.
    """

    def __init__(self, reader: LiveReader, models: ModelRegistry) -> None:
        self._reader, self._models = reader, models
        self._families: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as they were last computed."""
        yield from self._families

    def refresh(self) -> None:
        """Compute the gauges of all models; they are left out while the store cannot be read."""
        families = _families()
        try:
            for model in self._models.by_name.values():
                self._add(families, model.current)
        except StoreError as error:
            self._families = []
            logger.warning("live_gauges_left_out", extra={"reason": str(error)})
            return
        self._families = [each for each in families.values() if each.samples]

    @asynccontextmanager
    async def refreshed(self) -> AsyncIterator[None]:
        """Refresh the gauges in the background within the context."""

        async def step() -> None:
            await run_in_thread(self.refresh)
            await asyncio.sleep(REFRESH_SECONDS)

        task = asyncio.create_task(repeat("live_gauges", step))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _add(self, families: dict[str, GaugeMetricFamily], version: ModelVersion) -> None:
        predictor, title = version.predictor, version.title
        query = default_query(version.thresholds.active)
        totals = self._reader.totals(predictor.name, query)
        drift = drift_figures(predictor, totals, self._reader.references(predictor.name))
        for each in drift.features:
            families["drift_psi"].add_metric([title, each.name], each.excess_psi)
            families["drift_p"].add_metric([title, each.name], each.q)
        families["live_rows"].add_metric([title], totals.rows.total())
        target = predictor.schema.target
        if isinstance(target, Regression):
            return
        truth = truth_figures(target, totals, query)
        families["truth_rows"].add_metric([title], truth["rows"])
        if isinstance(target, Binary) and (interval := truth["sensitivity"]["interval"]):
            families["live_sensitivity_low"].add_metric([title], interval[0])


def _families() -> dict[str, GaugeMetricFamily]:
    of_feature = {
        "drift_psi": "Population stability index of a feature less what chance gives",
        "drift_p": "P-value of the drift of a feature, adjusted for the number of features",
    }
    of_model = {
        "live_rows": "Rows that the store has counted",
        "truth_rows": "Rows whose truth has arrived",
        "live_sensitivity_low": "Lower end of the 95 % interval of the sensitivity, if it is known",
    }
    return {
        name: GaugeMetricFamily(f"{PREFIX}_{name}", f"{text}, in the last 7 days.", labels=labels)
        for texts, labels in ((of_feature, ("model", "feature")), (of_model, ("model",)))
        for name, text in texts.items()
    }
