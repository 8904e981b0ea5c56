"""The appearance and the identity of invented vectors, by hand."""

import numpy as np
import pytest

from index.errors import InputError
from retrieval.atlas import aspects
from retrieval.atlas.aspects import aspects_of, vectors_of
from tests.worlds import unit

THREE_AND_TWO = 3  # of five numbers are the appearance
VECTORS = unit([(0, 3, 4, 5, 12), (0, 0, 2, 6, 8), (1, 2, 2, 0, 0)])


def test_an_aspect_is_its_columns_with_a_length_of_one() -> None:
    np.testing.assert_allclose(
        vectors_of("appearance", VECTORS, THREE_AND_TWO), [(0, 0.6, 0.8), (0, 0, 1), (1 / 3, 2 / 3, 2 / 3)], atol=1e-6
    )
    np.testing.assert_allclose(vectors_of("identity", VECTORS, THREE_AND_TWO), [(5 / 13, 12 / 13), (0.6, 0.8), (0, 0)], atol=1e-6)
    np.testing.assert_array_equal(vectors_of("whole", VECTORS, THREE_AND_TWO), VECTORS)


def test_places_that_look_the_same_have_one_appearance_however_much_else_is_known_of_them() -> None:
    alike = unit([(1, 2, 2, 0, 1), (1, 2, 2, 30, -40)])
    one, other = vectors_of("appearance", alike, THREE_AND_TWO)
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert np.abs(alike[0, :3] - alike[1, :3]).max() > 0.5


def test_a_matrix_is_read_chunk_by_chunk_and_keeps_its_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(7, 5))).astype(np.float16)
    whole = vectors_of("identity", vectors, THREE_AND_TWO)
    monkeypatch.setattr(aspects, "CHUNK", 3)
    np.testing.assert_array_equal(vectors_of("identity", vectors, THREE_AND_TWO), whole)
    assert whole.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(whole.astype(np.float32), axis=1), 1, atol=1e-3)


def test_an_encoder_that_keeps_nothing_apart_has_the_whole_alone() -> None:
    assert aspects_of(0) == ("whole",)
    assert aspects_of(THREE_AND_TWO) == ("whole", "appearance", "identity")
    assert vectors_of("whole", VECTORS, 0) is VECTORS
    with pytest.raises(InputError, match=r"'identity' needs a location encoder .*, and this model's does not; choose"):
        vectors_of("identity", VECTORS, 0)
