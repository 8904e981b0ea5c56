"""Evaluation: figures by hand, nearest neighbours against a loop, and the TF-IDF floor."""

import numpy as np
import pytest
import torch

from tests.train.small_worlds import REGIONS
from train.curve.geolocation import encode_locations, geolocation_figures, nearest, recall_at, tfidf_nearest
from train.encoders.location import sh_siren

EQUATOR_KM_PER_DEG = 111.3195  # WGS84: 2 pi x 6378.137 / 360


def test_the_figures_of_five_guesses_along_the_equator_by_hand() -> None:
    """Errors of 0, 0.2, 1, 5 and 20 degrees of longitude: 0, 22, 111, 557 and 2,226 km."""
    zeros = np.zeros(5)
    figures = geolocation_figures(zeros, np.array([0, 0.2, 1, 5, 20.0]), zeros, zeros)
    assert figures == {
        "median_km": pytest.approx(EQUATOR_KM_PER_DEG, abs=1e-3),
        "within_25_km": 0.4,
        "within_200_km": 0.6,
        "within_750_km": 0.8,
        "within_2500_km": 1.0,
    }


def test_the_median_of_two_guesses_is_their_mean() -> None:
    figures = geolocation_figures(np.zeros(2), np.array([1.0, 3.0]), np.zeros(2), np.zeros(2))
    assert figures["median_km"] == pytest.approx(2 * EQUATOR_KM_PER_DEG, abs=1e-3)


def test_errors_are_measured_over_the_antimeridian_and_over_the_pole() -> None:
    """0.2 degrees over the seam, 0.2 over the pole: 22 km each, although the longitudes are 359.8 and 180 apart."""
    figures = geolocation_figures(np.array([0.0, 89.9]), np.array([179.9, 0.0]), np.array([0.0, 89.9]), np.array([-179.9, 180.0]))
    assert figures["within_25_km"] == 1.0
    assert figures["median_km"] == pytest.approx(22.3, abs=0.1)


def test_guess_and_truth_take_latitude_first() -> None:
    figures = geolocation_figures(np.array([48.0]), np.array([16.0]), np.array([16.0]), np.array([48.0]))
    assert figures["median_km"] > 4000


@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_nearest_agrees_with_a_loop_over_all_pairs(chunk: int) -> None:
    generator = torch.Generator().manual_seed(0)
    queries, gallery = torch.randn(10, 6, generator=generator), torch.randn(37, 6, generator=generator)
    slow = []
    for query in queries:
        products = [sum(float(query[d]) * float(row[d]) for d in range(6)) for row in gallery]
        slow.append(products.index(max(products)))
    assert nearest(queries, gallery, chunk=chunk).tolist() == slow


def test_a_point_of_the_gallery_finds_itself() -> None:
    gallery = torch.nn.functional.normalize(torch.randn(50, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    assert nearest(gallery, gallery).tolist() == list(range(50))


@pytest.mark.parametrize("chunk", [1, 4, 1024])
def test_recall_is_the_share_whose_own_row_is_among_the_nearest_by_a_slow_count(chunk: int) -> None:
    generator = torch.Generator().manual_seed(2)
    queries, gallery = torch.randn(23, 5, generator=generator), torch.randn(23, 5, generator=generator)
    for k in (1, 3, 10, 23):
        found = 0
        for row in range(23):
            products = [sum(float(queries[row, d]) * float(gallery[other, d]) for d in range(5)) for other in range(23)]
            found += products[row] in sorted(products, reverse=True)[:k]
        assert recall_at(queries, gallery, k, chunk=chunk) == pytest.approx(found / 23)


def test_recall_of_a_space_that_has_collapsed_to_a_point_is_none() -> None:
    """All are as near as the right one: no luck of the order counts. Only where k takes in everything is it certain."""
    point = torch.ones(12, 4)
    assert recall_at(point, point, 10) == 0
    assert recall_at(point, point, 12) == 1


def test_recall_of_a_space_that_is_not_a_number_is_none() -> None:
    broken = torch.full((12, 4), torch.nan)
    assert recall_at(broken, broken, 10) == 0


def test_locations_are_encoded_to_unit_vectors_in_order_whatever_the_chunk() -> None:
    torch.manual_seed(0)
    encoder = sh_siren.build(degrees=5, hidden=16, dim=6)
    lat, lon = np.linspace(-90, 90, 11), np.linspace(-180, 180, 11)
    whole = encode_locations(encoder, lat, lon)
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(11))
    torch.testing.assert_close(encode_locations(encoder, lat, lon, chunk=3), whole)
    one_by_one = torch.cat([encode_locations(encoder, lat[i : i + 1], lon[i : i + 1]) for i in range(11)])
    torch.testing.assert_close(one_by_one, whole)


def test_tf_idf_finds_the_article_on_the_same_subject() -> None:
    subjects = [words for _, _, words in REGIONS.values()]
    known = [f"{words}. {ending}" for words in subjects for ending in ("Seen in spring.", "Painted at dawn.")]
    queries = ["glacier and snow", "camels in the desert dunes", "parrots of the jungle river", "temples near the harbour"]
    assert [row // 2 for row in tfidf_nearest(known, queries)[0]] == [0, 1, 2, 3]


def test_tf_idf_does_not_take_a_long_text_for_a_similar_one() -> None:
    """By common words alone the encyclopedia would win; by cosine the short note does."""
    known = [
        "volcano lava ash",
        "volcano lava ash harbour temple river desert snow jungle",
        "harbour temple river desert snow jungle",
    ]
    assert tfidf_nearest(known, ["volcano lava ash"])[0].tolist() == [0]


def test_a_text_that_repeats_a_training_article_finds_it_by_a_name_that_stands_nowhere_else() -> None:
    """Place names are rare words; without them the floor lies too low and flatters the model."""
    known = ["The volcano Cotopaxi, with snow", "The volcano Sakurajima, with snow", "The volcano Erebus, with snow"]
    assert tfidf_nearest(known, known)[0].tolist() == [0, 1, 2]


def test_a_few_short_articles_without_a_common_word_are_still_told_apart() -> None:
    assert tfidf_nearest(["glacier ice", "desert sand"], ["sand of a desert", "ice"])[0].tolist() == [1, 0]


def test_a_text_without_a_known_word_is_like_no_article() -> None:
    assert tfidf_nearest(["glacier ice", "desert sand"], ["parrots", "ice"])[1].tolist() == [0, pytest.approx(0.707, abs=0.001)]
