"""The exact search against the loop that anybody would write down."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import ConfigError, InputError
from index.records import Embeddings
from index.search.backends.exact import ExactSearch, build
from tests.worlds import one_hot


def search_over(vectors: npt.NDArray[np.float32]) -> ExactSearch:
    ids = [f"id {row}" for row in range(len(vectors))]
    return build(
        embeddings=Embeddings(ids=ids, vectors=vectors, modality="articles", model_digest="3fa1", places=np.zeros((len(ids), 2)))
    )


def slow_obvious_search(vectors: npt.NDArray[np.float32], query: npt.NDArray[np.float32], k: int) -> list[int]:
    cosines = [sum(float(a) * float(b) for a, b in zip(query, vector, strict=True)) for vector in vectors]
    return sorted(range(len(vectors)), key=lambda row: (-cosines[row], row))[:k]


def random_unit_vectors(count: int, dim: int, seed: int) -> npt.NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 3, 10, 200])
def test_the_exact_search_finds_what_the_slow_loop_finds(k: int) -> None:
    vectors, queries = random_unit_vectors(200, 8, seed=1), random_unit_vectors(5, 8, seed=2)
    rows, cosines = search_over(vectors).search(queries, k)
    assert rows.shape == cosines.shape == (5, k)
    for query, found, values in zip(queries, rows, cosines, strict=True):
        assert found.tolist() == slow_obvious_search(vectors, query, k)
        assert values == pytest.approx(vectors[found] @ query, abs=1e-6)


def test_the_best_comes_first() -> None:
    rows, cosines = search_over(one_hot(0, 1, 2)).search(np.array([[0.0, 0.8, 0.6, 0.0]], np.float32), 3)
    assert rows.tolist() == [[1, 2, 0]]
    assert cosines == pytest.approx(np.array([[0.8, 0.6, 0.0]]))


def test_the_opposite_vector_comes_last_with_cosine_minus_one() -> None:
    vectors = np.concatenate([-one_hot(0), one_hot(1), one_hot(0)])
    rows, cosines = search_over(vectors).search(one_hot(0), 3)
    assert (rows.tolist(), cosines.tolist()) == ([[2, 1, 0]], [[1, 0, -1]])


def test_equal_cosines_are_ordered_by_row() -> None:
    rows, _ = search_over(one_hot(1, 0, 1, 0, 1)).search(one_hot(1), 5)
    assert rows.tolist() == [[0, 2, 4, 1, 3]]


@given(st.integers(1, 200), st.integers(1, 210), st.integers(0, 99))
def test_among_equals_the_lowest_rows_are_taken_wherever_the_cut_falls(count: int, k: int, seed: int) -> None:
    vectors = one_hot(*np.random.default_rng(seed).integers(0, 3, count))
    query = np.array([0.8, 0.6, 0.0, 0.0], np.float32)  # only three cosines occur: 0.8, 0.6 and 0
    rows, _ = search_over(vectors).search(query[None], k)
    assert rows[0].tolist() == slow_obvious_search(vectors, query, k)


def test_more_hits_than_vectors_gives_all_vectors() -> None:
    rows, cosines = search_over(one_hot(2, 0)).search(one_hot(0, 2), 100)
    assert rows.tolist() == [[1, 0], [0, 1]]
    assert cosines.tolist() == [[1, 0], [1, 0]]


def test_no_hits_are_found_where_none_are_asked_for() -> None:
    rows, cosines = search_over(one_hot(0, 1)).search(one_hot(0), 0)
    assert rows.shape == cosines.shape == (1, 0)


def test_an_empty_index_answers_with_nothing() -> None:
    rows, cosines = search_over(np.empty((0, 4), np.float32)).search(one_hot(0), 5)
    assert rows.shape == cosines.shape == (1, 0)


@pytest.mark.parametrize("shape", [(4,), (1, 3), (1, 1, 4)])
def test_a_query_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"queries must be \[Q, 4\]"):
        search_over(one_hot(0, 1)).search(np.ones(shape, np.float32), 1)


def test_an_option_that_the_exact_search_does_not_have_is_refused() -> None:
    empty = Embeddings(ids=[], vectors=one_hot(), modality="articles", model_digest="3fa1", places=np.zeros((0, 2)))
    with pytest.raises(ConfigError, match="unknown setting 'nprobe'"):
        build(embeddings=empty, nprobe=8)
