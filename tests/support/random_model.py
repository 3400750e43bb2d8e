"""Models with random weights and a feature of every type."""

from dataclasses import replace

import numpy as np

from model.network.layers import Dense
from model.network.network import Network
from model.network.tasks import TASKS
from model.prediction.encoder import Encoder
from model.prediction.predictor import Predictor, ScoredRows, SelfTest
from model.prediction.schema import Feature, Schema
from model.prediction.target import Binary, MultiClass, MultiLabel, Regression, Target

COLOURS = ("red", "dark blue", "grün")
TARGETS: dict[str, Target] = {
    "binary": Binary(negative="no", positive="yes, surely", refer=(0.3, 0.6)),
    "multi_class": MultiClass(classes=("a", 'b "quoted"', "c")),
    "multi_label": MultiLabel(labels=("fever", "cough")),
    "regression": Regression(outputs=("dose",)),
    "non_negative": Regression(task="non_negative", outputs=("days", "visits")),
}


def random_model(name: str) -> Predictor:
    """Return a model with random weights for a key of `TARGETS`."""
    target = TARGETS[name]
    features = (
        Feature(name="size", minimum=0, unit="mm"),
        Feature(name="colour", type="category", categories=COLOURS, may_be_missing=True),
        Feature(name="smokes", type="boolean", may_be_missing=True),
        Feature(name="score", type="integer", minimum=1, maximum=10),
    )
    task = TASKS[target.task]
    network = Network(
        [Dense(3, "relu"), task.output_layer(len(target.names))], inputs=6, loss=task.loss
    )
    generator = np.random.default_rng(0)
    theta = network.initial_parameters(generator) + generator.normal(0, 0.3, network.layout.size)
    fill, center = np.array([4.0, 1, 0, 5]), np.array([1.0, 0, 0, 0, 0, 2])
    rows = np.array([[2.5, 2, 1, 3]])
    outputs = len(target.names)
    dtype = {"binary": bool, "multi_class": int, "multi_label": bool}.get(target.task, float)
    columns = 1 if target.task == "multi_class" else outputs
    scored = ScoredRows.ungrouped(np.empty((0, columns), dtype), np.empty((0, outputs)))
    predictor = Predictor(
        name="kinds",
        schema=Schema(features=features, target=target),
        encoder=Encoder((0, 3, 0, 0), ("sqrt", "", "", ""), fill, center, np.ones(6)),
        network=network,
        theta=theta,
        operating_points={"default": 0.5} if target.has_threshold else {},
        train=scored,
        validation=scored,
        self_test=SelfTest(rows, np.zeros((1, 1))),
    )
    return replace(predictor, self_test=SelfTest(rows, predictor.predict(rows)))
