"""Neural networks in Python: layers, losses, activations, initializers, optimizers and schedules.

Describe the layers, name a loss and an optimizer, and minimize the loss over the rows:

    import numpy as np
    from model.nn import Adam, BinaryCrossEntropy, Dense, Sequential

    rows = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    labels = (rows**2).sum(axis=1) < 0.5
    network = Sequential([Dense(16, "relu"), Dense(1)])
    fitted = network.fit(rows, labels, BinaryCrossEntropy(), Adam(0.01), epochs=50)
    probabilities = fitted.predict(rows)  # (400, 1)

Every class has a name for recipes and plain data: `Dense(16, "relu")`, `Dense(16, ReLU())` and
`{"name": "dense", "units": 16, "activation": "relu"}` describe the same layer.
"""

from model.network.activations.rectifiers import ELU, GELU, SELU, LeakyReLU, ReLU, Softplus, Swish
from model.network.activations.registry import Linear, Sigmoid, Softmax, Tanh
from model.network.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    Normal,
    Ones,
    Orthogonal,
    Uniform,
    Zeros,
)
from model.network.layers import (
    AlphaDropout,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LayerNormalization,
    LocallyConnected1D,
    Maxout,
    Residual,
)
from model.network.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossEntropy,
)
from model.training.fitting.sequential import Fitted, Sequential
from model.training.optimizers.adam import Adam, AdamW, Nadam
from model.training.optimizers.adaptive import AdaGrad, RMSProp
from model.training.optimizers.lion import Lion
from model.training.optimizers.sgd import GradientDescent, Momentum, Nesterov
from model.training.schedules.cosine import Cosine, OneCycle, WarmRestarts
from model.training.schedules.plateau import ReduceOnPlateau
from model.training.schedules.registry import (
    ConstantRate,
    Exponential,
    InverseTime,
    StepDecay,
    WarmUp,
)

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "AdaGrad",
    "Adam",
    "AdamW",
    "AlphaDropout",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "Constant",
    "ConstantRate",
    "Conv1D",
    "Cosine",
    "Dense",
    "Dropout",
    "Exponential",
    "Fitted",
    "Flatten",
    "GaussianNoise",
    "GlorotNormal",
    "GlorotUniform",
    "GradientDescent",
    "HeNormal",
    "HeUniform",
    "Huber",
    "InverseTime",
    "LayerNormalization",
    "LeCunNormal",
    "LeCunUniform",
    "LeakyReLU",
    "Linear",
    "Lion",
    "LocallyConnected1D",
    "Maxout",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Normal",
    "OneCycle",
    "Ones",
    "Orthogonal",
    "RMSProp",
    "ReLU",
    "ReduceOnPlateau",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SparseCategoricalCrossEntropy",
    "StepDecay",
    "Swish",
    "Tanh",
    "Uniform",
    "WarmRestarts",
    "WarmUp",
    "Zeros",
]
