"""A UMAP of the locations where umap-learn is there, and what is said where it is not."""

import numpy as np
import pytest

from index.errors import InputError
from retrieval.atlas import umap
from retrieval.atlas.umap import is_installed, umap_scores
from tests.worlds import unit


class NinesFirst:
    """In the place of umap-learn: the layout of a vector is nine times its first three numbers."""

    def __init__(self, **options: object) -> None:
        assert options["random_state"] == 7

    UMAP = classmethod(lambda cls, **options: cls(**options))

    def fit_transform(self, vectors: np.ndarray) -> np.ndarray:
        return 9 * vectors[:, :3]


def test_vectors_that_were_not_laid_out_lie_between_the_nearest_that_were(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(90, 4)))
    monkeypatch.setattr(umap, "is_installed", lambda: True)
    monkeypatch.setattr(umap, "import_module", lambda name: NinesFirst)
    monkeypatch.setattr(umap, "MAX_FITTED", 30)
    monkeypatch.setattr(umap, "CHUNK", 16)
    known = vectors[np.sort(np.random.default_rng(7).choice(90, 30, replace=False))]
    slow = [9 * known[sorted(range(30), key=lambda at: -float(known[at] @ each))[:3], :3].mean(axis=0) for each in vectors]
    np.testing.assert_allclose(umap_scores(vectors, seed=7), slow, atol=1e-5)


def test_without_the_package_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(umap, "PACKAGE", "a_package_that_nobody_has")
    assert not is_installed()
    with pytest.raises(InputError, match="pip install umap-learn"):
        umap_scores(unit(np.eye(20)))


def test_too_few_vectors_for_a_umap_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(umap, "is_installed", lambda: True)
    with pytest.raises(InputError, match="at least 16 vectors, got 15"):
        umap_scores(unit(np.eye(15)))


def test_two_clumps_are_two_clumps_in_a_real_umap() -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed, and need not be")
    rng = np.random.default_rng(0)
    vectors = unit(np.repeat(np.eye(6)[:2], 40, axis=0) + 0.1 * rng.normal(size=(80, 6)))
    scores = umap_scores(vectors)
    spread = max(scores[:40].std(), scores[40:].std())
    assert np.linalg.norm(scores[:40].mean(axis=0) - scores[40:].mean(axis=0)) > spread
    np.testing.assert_array_equal(umap_scores(vectors), scores)
