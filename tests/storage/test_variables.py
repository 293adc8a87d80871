"""Arrays and variables, compared in one place."""

import numpy as np

from open_seq2seq.lazy import tf
from open_seq2seq.storage.variables import differing, mismatches


def test_what_a_variable_cannot_take_is_named_with_the_reason():
    variables = {name: tf.Variable(tf.zeros((2, 3))) for name in ("a", "b", "c")}
    arrays = {"a": np.ones((2, 3)), "b": np.ones((3, 2)), "other": np.ones(1)}
    assert mismatches(variables, arrays) == {
        "b": "shape (3, 2), expected (2, 3)",
        "c": "missing, expected shape (2, 3)",
    }


def test_arrays_differ_by_a_single_bit_or_by_a_missing_name():
    one = {"same": np.array([1.0, np.nan]), "bit": np.array(1.0), "zero": np.array(0.0)}
    other = {
        "same": np.array([1.0, np.nan]),
        "bit": np.nextafter(one["bit"], 2.0),
        "zero": np.array(-0.0),
        "new": np.array(1),
    }
    assert set(differing(one, other)) == {"bit", "zero", "new"}
    assert not list(differing(one, one))
