"""How sure an answer to a text is: hand-made cells whose probabilities are fifteenths."""

import math

import numpy as np
import pytest

from index.geo import great_circle_km
from index.records import Place
from retrieval import Space
from retrieval.asking.parts import Part
from retrieval.asking.question import Question
from retrieval.heat.cells import Cells
from retrieval.sureness.confidence import CELLS, EARTH_KM2, Confidence, Confident, standing
from tests.conftest import World
from train.checkpoint import Checkpoint, TextConfidence

QUERY, BEST = np.ones(1, dtype=np.float32), Place(lat=0.0, lon=179.0)


def four_cells(least_cosine: float | None = None) -> Confident:
    """Cells of equal area across the antimeridian, 0, 167, 556 and 10,000 km from the first, with 8, 4, 2 and 1 fifteenths."""
    places = np.array([(0.0, 179.0), (0.0, -179.5), (0.0, -176.0), (0.0, -91.0)])
    cells = Cells(np.array([[0.3], [0.2], [0.1], [0.0]], dtype=np.float32), places)
    confident = Confident(cells, 0.1 / math.log(2), least_cosine)
    confident._areas = np.full(4, 0.01)
    return confident


def test_the_probability_near_the_best_place_is_that_of_the_cells_there() -> None:
    found = four_cells()(QUERY, BEST)
    assert found.within_200_km == pytest.approx(12 / 15, rel=1e-5)
    assert found.within_750_km == pytest.approx(14 / 15, rel=1e-5)
    assert found.area_km2 == pytest.approx(0.03 * EARTH_KM2)  # three cells hold 14 fifteenths, two only 12


def test_places_that_a_filter_excludes_have_no_probability() -> None:
    alone = four_cells()(QUERY, BEST, allowed=np.array([0]))
    assert (alone.within_200_km, alone.within_750_km) == (1, 1)
    assert alone.area_km2 == pytest.approx(0.01 * EARTH_KM2)


@pytest.mark.parametrize(("least", "nowhere"), [(0.31, True), (0.29, False), (None, None)])
def test_a_text_without_a_fitting_place_is_of_nowhere(least: float | None, nowhere: bool | None) -> None:
    found = four_cells(least)(QUERY, BEST)
    assert found.nowhere is nowhere
    assert found.calibrated is (least is not None)


def test_one_plain_line_says_it() -> None:
    assert Confidence(0.123, 0.616, 4.13e6, False).sentence == (
        "62 % within 750 km of the best place, 12 % within 200 km; 90 % of the probability lies in 4.1 million km²"
    )
    assert Confidence(0.5, 0.9, 56_700, False).sentence.endswith("lies in 57,000 km²")
    assert Confidence(0.5, 0.9, 999_900, False).sentence.endswith("lies in 1.0 million km²")
    assert "any place in particular" in Confidence(0.5, 0.9, 1, True).sentence
    assert Confidence(0.5, 0.9, 1, None).sentence.startswith("not calibrated (placebind calibrate): 90 %")


def calibrated(world: World, least_cosine: float) -> Space:
    """The space of a world whose locations are searched by a model that was calibrated afterwards, as a test may."""
    space = Space.open(world.checkpoint, world.folder)
    fitted = TextConfidence(temperature=0.05, least_cosine=least_cosine, articles=9, texts=9)
    space.checkpoint = Checkpoint(space.checkpoint.path, space.checkpoint.card.model_copy(update={"confidence": fitted}), "d")
    return space


def test_an_answer_to_a_text_says_how_sure_it_is(world: World) -> None:
    answer = calibrated(world, -1.0).search("snow and ice in the far north", k=2)
    assert answer.confidence is not None
    assert answer.confidence.nowhere is False
    assert 0 < answer.confidence.within_200_km <= answer.confidence.within_750_km <= 1
    assert answer.as_dict()["confidence"] == answer.confidence.as_dict()


def test_the_temperature_of_the_answer_and_of_the_heat_is_the_calibrated_one(world: World) -> None:
    space = calibrated(world, 2.0)
    answer, heat = space.search("snow and ice", k=1), space.heat(Question(parts=(Part.of("snow and ice"),)))
    assert answer.confidence is not None
    assert answer.confidence.nowhere is True  # no cosine reaches 2
    assert heat.temperature == 0.05
    assert answer.origin is not None
    near = great_circle_km([answer.origin.lat], [answer.origin.lon], *space.cells.places.T)[0] <= 750
    assert answer.confidence.within_750_km == pytest.approx(heat.mass(0.05)[near].sum(), rel=1e-4)


def test_a_probability_is_given_for_what_it_was_calibrated_on_alone(world: World) -> None:
    space = calibrated(world, -1.0)
    assert space.search("snow and ice", k=1).confidence is not None
    assert space.search("snow and ice", k=1, centred=True).confidence is None
    away = Question(parts=(Part.of("hot sand", -1.0),))
    assert space.search(away, k=1).confidence is None


def test_an_uncalibrated_model_answers_at_its_learnt_temperature_and_says_so(world: World) -> None:
    space = Space.open(world.checkpoint, world.folder)
    answer = space.search("snow and ice", k=1)
    assert answer.confidence is not None
    assert answer.confidence.nowhere is None
    assert space.confident is not None
    assert space.confident.temperature == space.checkpoint.learnt_temperature


@pytest.mark.parametrize(
    "asked",
    [Question(parts=(Part.of(Place(lat=5.0, lon=0.0)),)), Question(parts=(Part.of("snow"), Part.of("sand", -0.5)))],
    ids=["a place", "two texts"],
)
def test_what_is_not_one_text_is_not_judged(world: World, asked: Question) -> None:
    answer = Space.open(world.checkpoint, world.folder).search(asked, k=1)
    assert answer.confidence is None
    assert answer.as_dict()["confidence"] is None


def test_every_island_has_its_own_cell_however_many_locations_there_are() -> None:
    """A continent of 60,000 locations, and eleven islands far from it and from one another."""
    rng = np.random.default_rng(0)
    continent = np.stack([rng.uniform(0, 40, 60_000), rng.uniform(0, 60, 60_000)], axis=1)
    islands = np.array([(-20.0 - 5 * n, -30.0 - 10 * n) for n in range(11)])
    places = np.concatenate([continent, islands])
    group, stands = standing(places)
    assert len(stands) < CELLS
    assert set(range(60_000, 60_011)) <= set(stands.tolist())
    assert (np.bincount(group)[group[60_000:]] == 1).all()
    away = great_circle_km(*continent[:2000].T, *places[stands].T).min(axis=1)
    assert away.max() < 100  # what stands for a location is in its surroundings


@pytest.mark.parametrize("fits", [60_000, 7], ids=["an island", "a place of the continent"])
def test_a_text_is_as_sure_as_with_all_cells(world: World, fits: int) -> None:
    """60,000 locations of a continent and an island; one of them fits best, and all that do not are together about as likely. One
    in two of them, by rows, would have left the island out; one that weighed as the sea around it does would be twice as likely."""
    rng = np.random.default_rng(0)
    places = np.concatenate([np.stack([rng.uniform(0, 40, 60_000), rng.uniform(0, 60, 60_000)], axis=1), [(-16.0, -5.7)]])
    vectors = np.tile(np.float32([0.55, 0.835]), (60_001, 1))
    vectors[fits] = (1.0, 0.0)
    cells = Cells(vectors, places)
    confident = Confident.of(cells, calibrated(world, 0.5).checkpoint)
    assert confident is not None
    found = confident(vectors[fits], Place(lat=float(places[fits, 0]), lon=float(places[fits, 1])))
    assert found.nowhere is False
    shares = cells.area_shares * np.exp((vectors[:, 0] - 1) / 0.05)
    near = great_circle_km(*places[fits, :, None], *places.T)[0] <= 200
    assert found.within_200_km == pytest.approx(shares[near].sum() / shares.sum(), abs=0.05)


def test_confidence_is_the_same_from_cosines_that_a_search_left_behind() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((300, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    places = np.stack([rng.uniform(-60, 60, 300), rng.uniform(-180, 180, 300)], axis=1)
    alone, after = (Confident(Cells(vectors, places), 0.05) for _ in range(2))
    after.cells.cosines.of(vectors[7])
    best = Place(lat=float(places[7, 0]), lon=float(places[7, 1]))
    ours, theirs = after(vectors[7], best), alone(vectors[7], best)
    assert (ours.within_200_km, ours.within_750_km) == pytest.approx((theirs.within_200_km, theirs.within_750_km))
    assert ours.area_km2 == pytest.approx(theirs.area_km2)
