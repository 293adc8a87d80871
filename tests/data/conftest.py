"""What several tests of the data path share."""

from collections.abc import Iterator

import pytest

from open_seq2seq.lazy import tf


@pytest.fixture
def eager() -> Iterator[None]:
    """Without graphs: which samples an engine uses shows without XLA's second for each graph."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
