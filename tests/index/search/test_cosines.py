import numpy as np
import pytest

from index.search import cosines as module
from index.search.cosines import Cosines

RNG = np.random.default_rng(0)


def unit(count: int, dim: int = 16) -> np.ndarray:
    vectors = RNG.standard_normal((count, dim), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", ["float32", "float16"])
def test_they_are_the_products_with_all_vectors(kind) -> None:
    vectors, query = unit(10_000).astype(kind), unit(1)[0]
    expected = vectors.astype(np.float64) @ query
    np.testing.assert_allclose(Cosines(vectors).of(query), expected, atol=1e-6)


def test_a_query_that_was_asked_is_at_hand_and_no_other() -> None:
    cosines, (one, other) = Cosines(unit(100)), unit(2)
    assert cosines.known(one) is None
    whole = cosines.of(one)
    assert cosines.known(one.copy()) is whole
    assert cosines.of(one) is whole
    assert cosines.known(other) is None


def test_what_is_shared_cannot_be_written_into() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Cosines(unit(100)).of(unit(1)[0])[0] = 1


def test_the_queries_used_last_are_kept_as_far_as_there_is_room(monkeypatch) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 2 * 4 * 100)
    cosines, (first, second, third) = Cosines(unit(100)), unit(3)
    for query in (first, second, first, third):
        cosines.of(query)
    assert [cosines.known(each) is not None for each in (first, second, third)] == [True, False, True]


def test_one_query_is_kept_however_many_vectors_there_are(monkeypatch) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 1)
    cosines, (first, second) = Cosines(unit(100)), unit(2)
    cosines.of(first), cosines.of(second)
    assert (cosines.known(first), cosines.known(second) is None) == (None, False)
