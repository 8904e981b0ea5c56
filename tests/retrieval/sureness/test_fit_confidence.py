"""The temperature and the threshold, fitted on two cells at opposite ends of the Earth: the answers are logarithms of odds."""

import math

import numpy as np
import pytest

from index.errors import CatalogueError
from index.geo import block_of
from index.records import Article
from retrieval.heat.cells import Cells
from retrieval.heat.heat import best_cosines
from retrieval.sureness.fit_confidence import (
    HeldOutTexts,
    _held_out,
    coverage,
    fit,
    fit_temperature,
    negative_log_likelihood,
    nowhere_texts,
    texts_of,
)
from tests.worlds import article, catalogue_with
from train.data import REPORT, VALIDATION

TOWARDS_SECOND = np.array([[0.6, 0.8]], dtype=np.float32)  # cosines .6 and .8


def two_cells(first_area: float = 0.5) -> Cells:
    cells = Cells(np.eye(2, dtype=np.float32), np.array([(0.0, 0.0), (0.0, 180.0)]))
    cells.area_shares = np.array([first_area, 1 - first_area])
    return cells


def right_in(right: int, of: int) -> HeldOutTexts:
    """So many texts, all said to be of the second cell, ``right`` of them are."""
    return HeldOutTexts(np.repeat(TOWARDS_SECOND, of, axis=0), np.array([1] * right + [0] * (of - right)))


@pytest.mark.parametrize("right", [60, 75, 90])
def test_the_temperature_makes_the_probability_the_share_that_is_right(right: int) -> None:
    assert fit_temperature(two_cells(), right_in(right, 100)) == pytest.approx(0.2 / math.log(right / (100 - right)), rel=0.02)


def test_a_cell_of_three_times_the_area_is_likelier_by_itself() -> None:
    """Odds of 3 by area alone: the cosines add what lacks to odds of 9."""
    assert fit_temperature(two_cells(0.25), right_in(90, 100)) == pytest.approx(0.2 / math.log(3), rel=0.02)


def test_the_likelihood_is_that_of_the_softmax() -> None:
    found = negative_log_likelihood(two_cells(), right_in(3, 4), 0.2 / math.log(3))
    assert found == pytest.approx(-(3 * math.log(3 / 4) + math.log(1 / 4)) / 4, rel=1e-5)


def test_coverage_is_how_often_the_truth_lies_in_the_smallest_region() -> None:
    """At odds of 3 the second cell holds 75 %: a region of 50 % is that cell alone, of 80 % it is both."""
    assert coverage(two_cells(), right_in(3, 4), 0.2 / math.log(3)) == (0.75, 1, 1)


def test_what_fits_no_place_lies_below_the_threshold() -> None:
    angles = np.linspace(0, math.pi / 2, 11)  # the best cosines: .71 in the middle, 1 at both ends
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    asked = HeldOutTexts(vectors, (angles > math.pi / 4).astype(np.int64))
    np.testing.assert_allclose(best_cosines(vectors, two_cells().vectors), np.maximum(np.cos(angles), np.sin(angles)), rtol=1e-6)
    nowhere = np.array([[-0.6, -0.8], [0.0, -1.0], [0.0, 1.0], [-1.0, 0.0]], dtype=np.float32)
    found = fit(two_cells(), {"whole": asked}, {"whole": asked, "title": right_in(1, 2)}, nowhere, 0.07, 11)
    second = math.cos(math.pi / 4 - math.pi / 20)  # a tenth of eleven lies below it: the one in the middle
    assert found.confidence.least_cosine == pytest.approx(second, rel=1e-5)
    assert found.confidence.figures["nowhere_called_nowhere"] == 0.75
    whole, title = found.reliability
    assert (whole.texts, title.texts) == (11, 2)
    assert title.nowhere == 1, "its cosine is .8, just below"
    assert found.confidence.figures["whole_called_nowhere"] == pytest.approx(whole.nowhere)
    assert found.confidence.texts == 11


def test_articles_are_asked_for_in_four_ways() -> None:
    text = "Ibi is a town on the south bank of the Benue River. It was founded long ago by traders and fishermen."
    found = texts_of([{"title": "Ibi", "text": text}, {"title": None, "text": "Short."}])
    assert found["title"] == ["Ibi", ""]
    assert found["whole"][0] == text
    assert found["sentence"] == ["Ibi is a town on the south bank of the Benue River.", ""]
    assert "Benue" not in found["masked"][0]


def around_the_globe() -> list[Article]:
    return [article(f"place {n}", lat=n % 60, lon=7.0 * (n % 50) - 170, split="val") for n in range(100)]


def test_no_block_is_both_fitted_on_and_reported(tmp_path) -> None:
    catalogue = catalogue_with(tmp_path, articles=[*around_the_globe(), article("learnt", 1, 2)])
    fitted_on, reported = (
        {int(block_of(each["lat"], each["lon"])) for each in _held_out(catalogue, where, seed=0)} for where in (VALIDATION, REPORT)
    )
    assert min(len(fitted_on), len(reported)) > 20
    assert not fitted_on & reported


def test_too_few_held_out_articles_are_refused_with_their_number(tmp_path) -> None:
    catalogue = catalogue_with(tmp_path, articles=[article(f"p{n}", lat=n, split="val") for n in range(3)])
    with pytest.raises(CatalogueError, match="has 3 held-out articles"):
        _held_out(catalogue, VALIDATION, seed=0)
    with pytest.raises(CatalogueError, match="has 0 held-out articles"):
        _held_out(catalogue, REPORT, seed=0)


def test_the_texts_of_nowhere_are_many_and_each_is_there_once() -> None:
    texts = nowhere_texts()
    assert len(texts) >= 120
    assert len(set(texts)) == len(texts)
    assert all(text.strip() for text in texts)
