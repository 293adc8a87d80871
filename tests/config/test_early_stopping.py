"""When a run has waited long enough."""

import pydantic
import pytest

from open_seq2seq.config.early_stopping import EarlyStopping, Patience
from open_seq2seq.errors import UserError
from open_seq2seq.evaluation import Evaluation


def evaluation(**values):
    recall = {"yes": values.pop("yes", 0.0), "no": None}
    return Evaluation(
        **{
            "n_clips": 1,
            "loss": 0.0,
            "top1": 0.0,
            "top5": 0.0,
            "recall": recall,
            "seconds": 0.0,
            **values,
        }
    )


def waited(params, values, name):
    patience = Patience()
    for value in values:
        patience = params.after(patience, evaluation(**{name: value}))
        yield params.is_over(patience)


@pytest.mark.parametrize(
    ("metric", "name", "values"),
    [
        ("top1", "top1", [0.5, 0.6, 0.6, 0.59, 0.61, 0.6, 0.61]),
        ("loss", "loss", [0.9, 0.8, 0.8, 0.81, 0.79, 0.8, 0.79]),
        ("recall/yes", "yes", [0.5, 0.6, 0.6, 0.59, 0.61, 0.6, 0.61]),
    ],
)
def test_evaluations_without_a_new_best_value_are_counted(metric, name, values):
    found = list(waited(EarlyStopping(metric=metric, patience=2), values, name))
    assert found == [False, False, False, True, False, False, True]


def test_small_gains_and_losses_that_are_not_numbers_are_no_gains():
    assert list(waited(EarlyStopping(patience=2, min_delta=0.1), [0.5, 0.55, 0.6], "top1")) == [
        False,
        False,
        True,
    ]
    nan = float("nan")
    assert list(waited(EarlyStopping(metric="loss", patience=2), [nan, nan, 0.5], "loss")) == [
        False,
        True,
        False,
    ]


def test_the_state_counts_evaluations_since_the_best_value():
    params, patience = EarlyStopping(patience=3), Patience()
    for value in (0.5, 0.4, 0.4):
        patience = params.after(patience, evaluation(top1=value))
    assert patience == Patience(best=0.5, n_waited=2)
    assert (
        params.describe(patience) == "top1 of validation has been 0.5000 or worse for 2 evaluations"
    )
    assert params.is_over(params.after(patience, evaluation(top1=0.5)))


def test_unknown_metrics_and_labels_are_refused():
    with pytest.raises(pydantic.ValidationError, match="got 'accuracy'"):
        EarlyStopping(metric="accuracy", patience=1)
    with pytest.raises(UserError, match="no label 'maybe'; the labels are yes no"):
        EarlyStopping(metric="recall/maybe", patience=1).check(
            ("yes", "no"), is_evaluated=True, has_tracks=False
        )
    with pytest.raises(UserError, match="nothing is evaluated in --mode=train"):
        EarlyStopping(patience=1).check(("yes", "no"), is_evaluated=False, has_tracks=False)
