"""Curves of losses: every known loss, the epoch that is kept, and decimal ticks."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from model.evaluation.plots.training import loss_curve, loss_curves
from model.training.fitting.history import History, Record
from model.training.fitting.loop import TrainingResult

Drawn = Callable[..., Figure]


def outcome(
    losses: list[float], kept: int, *, validation: bool = True, bag: bool = False
) -> TrainingResult:
    records = [
        Record(
            epoch=epoch,
            step=epoch,
            train_loss=loss,
            validation_loss=loss * 1.5 if validation else None,
            metrics={},
            rate=0.1,
            gradient_norm=1.0,
            out_of_bag_loss=loss * 2 if bag else None,
        )
        for epoch, loss in enumerate(losses)
    ]
    return TrainingResult(np.zeros(1), kept, History(records))


def names(figure: Figure) -> list[str]:
    return [str(line.get_label()) for line in figure.axes[0].lines]


def test_the_kept_epoch_is_marked(drawn: Drawn) -> None:
    figure = drawn(loss_curve, outcome([3.0, 2.0, 1.0, 2.5], 2), "log_loss")
    assert names(figure) == ["train", "validation", "weights kept: epoch 2"]
    marked = figure.axes[0].lines[-1]
    assert (np.asarray(marked.get_xdata()).tolist(), np.asarray(marked.get_ydata()).tolist()) == (
        [2],
        [1.5],
    )


def test_losses_that_are_unknown_are_not_drawn(drawn: Drawn) -> None:
    alone = drawn(loss_curve, outcome([2.0, 1.0], 1, validation=False), "loss")
    assert names(alone) == ["train", "weights kept: epoch 1"]
    bagged = drawn(loss_curve, outcome([2.0, 1.0], 1, validation=False, bag=True), "loss")
    assert names(bagged) == ["train", "out-of-bag", "weights kept: epoch 1"]
    assert np.asarray(bagged.axes[0].lines[-1].get_ydata()).tolist() == [2]


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ([0.5, 0.3], "linear"),
        ([1.0, 0.01], "log"),
        ([1.0, 0.0], "linear"),
        ([1e300, 1e-300], "linear"),
        ([1e-9, 1e-19], "log"),
        ([3.0, 1e-4], "log"),
    ],
)
def test_ticks_are_decimal_on_every_scale(drawn: Drawn, losses: list[float], scale: str) -> None:
    figure = drawn(loss_curve, outcome(losses, 1), "loss")
    axes = figure.axes[0]
    assert axes.get_yscale() == scale
    ticks = [label.get_text() for label in axes.get_yticklabels()]
    assert len(ticks) >= 2
    assert not any("$" in tick or "^" in tick for tick in ticks)
    assert all(np.isfinite(float(tick.replace("\N{MINUS SIGN}", "-"))) for tick in ticks)


def test_curves_of_several_trainings_have_decimal_ticks(drawn: Drawn) -> None:
    histories = {"a": outcome([3.0, 0.1], 1).history, "$b$ 体": outcome([2.0, 1.0], 1).history}
    axes = drawn(loss_curves, histories).axes[0]
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        assert "$" not in label.get_text()
