"""The model of a drafted recipe: scaling, network and training, by the size of the table."""


def default_threshold(task: str) -> str:
    """Return the recipe's top-level keys on the threshold; "" if the task has none.

    Args:
        task: The recipe's task.
    """
    if task != "binary":
        return ""
    return "# A row is positive if its probability is above this value.\nthreshold = 0.5\n"


def default_model(task: str, rows: int, features: int) -> str:  # noqa: ARG001
    """Return the tables of a recipe that describe the model and its training.

    Args:
        task: The recipe's task.
        rows: Number of rows of the table.
        features: Number of features.
    """
    return """\
# Numbers are scaled to mean 0 and standard deviation 1.
[scaling]
method = "standard"

# One hidden layer. The output layer is added to suit the task.
[network]
hidden = [{ units = 15, activation = "relu" }]

[training]
optimizer = "adam"
learning_rate = 0.005 # to find a better one: python -m model lr-find THIS_FILE
epochs = 200 # passes over the training rows, at most
batch_size = 32 # rows per step
# Stop if the validation loss has not improved for 20 epochs, and keep the best weights.
early_stopping = { patience = 20 }
"""
