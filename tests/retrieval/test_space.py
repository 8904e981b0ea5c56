"""The shared space answers with what is near in meaning, and refuses what does not belong together."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from index.errors import CatalogueError, InputError, ModelMismatchError
from index.geo import geodesic_km
from index.records import Place
from index.search.filters import Filter
from index.sources.geotiff_tiles import write_tile
from index.store.catalogue import Catalogue
from retrieval import Space
from retrieval.asking.how import How
from retrieval.asking.parts import Part
from retrieval.asking.question import Question
from retrieval.building.build import build_index
from retrieval.ranking.search import Searcher
from retrieval.space import ROW_COLUMNS
from tests.conftest import TINY, World, coarse_tile, fill
from tests.worlds import article, catalogue_with
from train import precision
from train.checkpoint import Checkpoint
from train.config import TrainConfig
from train.loop import train


@pytest.fixture(scope="module")
def space(_trained: World) -> Space:
    return Space.open(_trained.checkpoint, _trained.folder)


def test_four_first_questions_at_once_load_everything_once(world, monkeypatch):
    space, loaded, opened = Space.open(world.checkpoint, world.folder), [], []
    load, build = Checkpoint.encoder, Searcher.__init__

    def slowly_load(self, modality, device):
        loaded.append(modality)
        time.sleep(0.05)
        return load(self, modality, device)

    def slowly_build(self, snapshot, *given):
        opened.append(snapshot.modality)
        time.sleep(0.05)
        build(self, snapshot, *given)

    monkeypatch.setattr(Checkpoint, "encoder", slowly_load)
    monkeypatch.setattr(Searcher, "__init__", slowly_build)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(space.search, ["snow"] * 4))
    assert "articles" in loaded
    assert len(loaded) == len(set(loaded)), "positions are read from a file where an earlier question left one"
    assert sorted(opened) == ["articles", "locations", "tiles"]
    assert len({tuple(hit.id for hit in answer) for answer in answers}) == 1


def test_a_space_takes_along_the_encoders_of_one_of_the_same_model(world, monkeypatch):
    earlier, later = (Space.open(world.checkpoint, world.folder) for _ in range(2))
    encoder = earlier.encoder("articles")
    later.take_encoders(earlier)
    assert later.encoder("articles") is encoder


def test_pages_of_an_answer_make_up_the_whole(space):
    whole = [hit.id for hit in space.search("snow and ice", kinds=("locations",), k=50)]
    pages = [space.search("snow and ice", kinds=("locations",), k=20, skip=skip) for skip in (0, 20, 40)]
    assert [hit.id for page in pages for hit in page][:50] == whole
    assert [hit.rank for hit in pages[1]] == list(range(21, 41))


def test_a_text_finds_its_latitude(space):
    cold = space.search("snow and ice in the far north", kinds=("locations",), k=5)
    hot = space.search("hot sand and palm trees in the tropics", kinds=("locations",), k=5)
    assert all(hit.place.lat == 70 for hit in cold)
    assert all(hit.place.lat == 5 for hit in hot)


def test_an_image_finds_articles_of_its_kind_and_knows_where_it_was_taken(space, world):
    answer = space.search(image=world.tile_file, kinds=("articles",), k=5)
    assert all(hit.title.startswith("North") for hit in answer)
    assert answer.origin is not None
    assert (round(answer.origin.lat, 3), round(answer.origin.lon, 3)) == (70, 10)


def test_a_place_finds_tiles_and_distances_are_geodesic_from_it(space):
    asked = Place(lat=70.0, lon=179.0)
    answer = space.search(place=asked, kinds=("tiles",), k=3)
    assert all(hit.place.lat == 70 for hit in answer)
    for hit in answer:
        assert hit.distance_km == pytest.approx(float(geodesic_km(70, 179, hit.place.lat, hit.place.lon)))


def test_hits_are_ranked_and_equal_the_slow_obvious_loop(space):
    vector = space.embed_texts(["snow"])[0]
    answer = space.search("snow", kinds=("articles",), k=48)
    records = {hit.id: hit.score for hit in answer}
    slow = {id_: float(space.embed_records("articles", [id_])[0] @ vector) for id_ in records}
    assert [hit.rank for hit in answer] == list(range(1, 49))
    assert sorted(records.values(), reverse=True) == [hit.score for hit in answer]
    for id_, score in records.items():
        assert score == pytest.approx(slow[id_], abs=1e-5)


def test_all_indexed_modalities_answer_by_default(space):
    answer = space.search("snow", k=2)
    assert {modality: len(hits) for modality, hits in answer.hits.items()} == {"articles": 2, "tiles": 2, "locations": 2}
    best = answer.hits["locations"][0]
    assert answer.origin == best.place
    assert best.distance_km == 0


@pytest.mark.parametrize(
    ("into", "how", "searches"),
    [
        ((), How(), ["articles", "tiles", "locations"]),
        (("locations",), How(centred=True), ["locations"]),
        (("articles",), How(), ["articles", "locations"]),
        (("locations",), How(filter=Filter.parse({"bbox": "60,-180,90,180"})), ["locations"]),
        (("articles",), How(filter=Filter.parse({"bbox": "60,-180,90,180", "where": "title = 'x'"})), ["articles", "locations"]),
        (("locations",), How(words=True), ["locations", "locations"]),
    ],
    ids=["all", "centred", "not among those asked", "filtered", "filtered by column", "by words too"],
)
def test_the_origin_of_a_text_is_the_best_location_and_not_searched_for_again(space, monkeypatch, into, how, searches):
    asked, search = [], Searcher.search
    monkeypatch.setattr(Searcher, "search", lambda self, *rest: asked.append(self.snapshot.modality) or search(self, *rest))
    answer = space.search("snow and ice", kinds=into, k=3, **dict(how))
    assert asked == searches
    monkeypatch.undo()
    assert answer.origin == space.search("snow and ice", kinds=("locations",), k=1, centred=how.centred).origin
    assert answer.origin.lat == 70


def test_with_a_filter_the_best_place_the_distances_and_the_confidence_are_of_the_places_that_it_allows(space):
    box, everywhere = "0,-60,10,60", space.search("snow and ice", k=3)
    answer, heat = space.search("snow and ice", k=3, filter={"bbox": box}), space.heat("snow and ice")
    lat, lon = heat.cells.places.T
    allowed = np.flatnonzero((lat < 10) & (np.abs(lon) <= 60))
    at_lat, at_lon = heat.cells.places[allowed[heat.scores[allowed].argmax()]].tolist()
    best = Place(lat=at_lat, lon=at_lon)
    assert everywhere.origin.lat == 70
    assert answer.origin == best
    for hit in answer:
        assert hit.distance_km == pytest.approx(geodesic_km(best.lat, best.lon, hit.place.lat, hit.place.lon))
    mass = np.exp(heat.cosines[allowed] / space.checkpoint.temperature)
    near = geodesic_km(best.lat, best.lon, lat[allowed], lon[allowed]) <= 750
    assert answer.confidence.within_750_km == pytest.approx(mass[near].sum() / mass.sum(), rel=0.1)  # cells differ a little in area


def test_a_filter_that_allows_no_location_leaves_the_best_place_open(space):
    answer = space.search("snow and ice", k=3, filter={"bbox": "30,-180,40,180"})
    assert (answer.origin, answer.confidence, [*answer]) == (None, None, [])


def test_a_country_that_records_have_to_name_is_where_the_best_place_has_to_lie():
    assert Filter.parse({"countries": "Kenya", "sources": "x"}).area() == Filter.parse({"inside": "Kenya"})
    assert Filter.parse({"countries": "Kenya, or what used to be"}).area() == Filter.parse({})


def test_vectors_have_unit_norm(space):
    for vectors in (space.embed_texts(["a", "b"]), space.embed_places([90.0, -90.0], [0.0, 180.0])):
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_query_across_the_antimeridian_is_the_same_place(space):
    assert space.embed_places(10, 180) == pytest.approx(space.embed_places(10, -180), abs=1e-5)


def test_more_hits_than_records_gives_all_records(space):
    assert len(space.search("snow", kinds=("tiles",), k=1000).hits["tiles"]) == 24


def test_an_answer_becomes_a_geodataframe(space):
    frame = space.search("snow", kinds=("articles",), k=3).to_geodataframe()
    assert frame.crs.to_epsg() == 4326
    assert frame.geometry.y.tolist() == frame["lat"].tolist()
    assert len(frame) == 3


def test_a_link_leads_to_the_point_where_a_record_has_no_page(space):
    hit = space.search("snow", kinds=("articles",), k=1).hits["articles"][0]
    assert f"mlat={hit.place.lat:.4f}" in hit.link


def test_what_is_given_together_is_one_question(space):
    place = Place(lat=0, lon=0)
    together = space.search("snow", place=place, k=3)
    assert together.hits == space.search(Question(parts=(Part.of("snow"), Part.of(place)), k=3)).hits
    assert together.hits == space.search(together.question).hits
    assert len(space.search(together.question, kinds=("articles",), k=2).hits["articles"]) == 2


def test_nothing_asked_and_a_question_with_more_beside_it_are_refused(space):
    with pytest.raises(InputError, match="ask with a text"):
        space.search()
    with pytest.raises(InputError, match="among its parts"):
        space.search(Question.of("snow"), place=Place(lat=0, lon=0))


def test_an_answer_notes_the_texts_that_the_model_cannot_read_those_asked_away_from_too(space):
    parts = (Part.of("snow"), Part.of("χιόνι"), Part.of("песок", -0.5), Part.of(Place(lat=70.0, lon=10.0)))
    answer = space.search(Question(parts=parts, k=1))
    assert answer.notes == (
        "The model does not read Greek script (in 'χιόνι'); ask in English instead.",
        "The model does not read Cyrillic script (in 'песок'); ask in English instead.",
    )
    assert answer.as_dict()["notes"] == list(answer.notes)
    assert space.search("snow", k=1).notes == ()


def test_a_question_without_text_has_no_notes_and_loads_no_text_tower(world):
    fresh = Space.open(world.checkpoint, world.folder)
    assert fresh.search(place=Place(lat=70.0, lon=10.0), kinds=("locations",), k=1).notes == ()
    assert "articles" not in fresh.trained._encoders


def test_an_empty_text_is_refused(space):
    with pytest.raises(InputError, match="empty"):
        space.search("   ")


def test_a_corrupt_image_is_refused_with_its_name(space, tmp_path):
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0 not really")
    with pytest.raises(InputError, match=r"bad\.tif.*not a readable GeoTIFF"):
        space.search(image=bad)


def test_a_sensor_the_model_never_saw_is_refused(world, tmp_path):
    """The model has a stem for Sentinel-2, but no Sentinel-2 tile was in its training data."""
    space = Space.open(world.checkpoint, world.folder)
    tile = coarse_tile(Place(lat=0, lon=0), 90)
    pixels = tile.pixels.astype(np.uint16) * 10
    from dataclasses import replace

    file = tmp_path / "s2.tif"
    write_tile(replace(tile, pixels=pixels, bands=("B02", "B03", "B04", "B08"), sensor="sentinel2"), file)
    with pytest.raises(InputError, match="sentinel2"):
        space.search(image=file)


def test_an_index_of_another_model_is_refused_with_the_remedy(own_world):
    config = TrainConfig.parse({**TINY, "steps": 2, "seed": 1}, where="tests").resolved()
    other = train(config, fill(own_world.folder), own_world.folder / "other").checkpoint
    with pytest.raises(ModelMismatchError, match=r"placebind index build --rebuild"):
        Space.open(other.path.parent, own_world.folder)


def test_a_modality_that_is_not_indexed_is_named(tmp_path, world):
    fill(tmp_path / "bare")
    space = Space.open(world.checkpoint, tmp_path / "bare")
    with pytest.raises(CatalogueError, match="placebind index build"):
        space.search("snow")
    with pytest.raises(CatalogueError, match=r"articles .* are not indexed"):
        space.search(place=Place(lat=0, lon=0), kinds=("articles",))


@pytest.mark.parametrize("modality", ["articles", "tiles", "locations"])
def test_a_row_has_the_vector_of_the_record_that_it_holds(world, tmp_path, monkeypatch, modality):
    """In float32 and from a catalogue without cached features: in bfloat16 other neighbours in a batch round otherwise."""
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: False)
    space = Space(Checkpoint.open(world.checkpoint), fill(tmp_path))
    ids = space.catalogue.column(modality, [])["id"].to_pylist()[::-2]
    rows = space.catalogue.rows(modality, ids, ROW_COLUMNS[modality])
    vectors = space.embed_rows(modality, rows)
    assert sorted(space.catalogue.names()) == ["articles", "locations", "tiles"]
    np.testing.assert_allclose(vectors, space.embed_records(modality, ids), atol=1e-6)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3


def test_a_space_without_a_checkpoint_is_the_catalogues_own_or_the_shipped_one(own_world, tmp_path, monkeypatch) -> None:
    own = Space.open(catalogue=own_world.folder)
    assert own.checkpoint.path.parent == own_world.checkpoint
    monkeypatch.setattr("train.shipped.FOLDER", own_world.checkpoint.rename(tmp_path / "shipped"))
    shipped = Space.open(catalogue=str(own_world.folder))
    assert (shipped.checkpoint.path.parent, shipped.checkpoint.digest) == (tmp_path / "shipped", own.checkpoint.digest)
    with pytest.raises(CatalogueError, match="no catalogue was given"):
        Space.open()


def test_a_condition_over_an_own_column_asks_only_those_who_have_it_and_hits_show_it(own_world):
    table = Catalogue.open(own_world.folder).table("locations")
    table.add_columns({"half lat": "lat / 2"})
    space = Space.open(own_world.checkpoint, own_world.folder)
    answer = space.search("snow and ice", filter=Filter.parse({"where": "`half lat` > 30"}), k=3)
    assert [*answer.hits] == ["locations"]
    assert [hit.own for hit in answer] == [{"half lat": hit.place.lat / 2} for hit in answer]
    assert min(hit.place.lat for hit in answer) > 60
    assert answer.as_dict()["hits"]["locations"][0]["own"] == answer.hits["locations"][0].own
    assert answer.to_geodataframe()["half lat"].tolist() == [hit.place.lat / 2 for hit in answer]
    assert "own" not in space.search("snow and ice", kinds=("articles",), k=1).as_dict()["hits"]["articles"][0]
    with pytest.raises(InputError, match="No field named"):
        space.search("snow and ice", filter=Filter.parse({"where": "`half lat` > 30"}), kinds=("articles",))
    with pytest.raises(InputError, match="No field named hal"):
        space.search("snow and ice", filter=Filter.parse({"where": "hal > 30"}))


def test_a_country_is_known_by_any_name_and_one_that_no_record_is_in_is_said_with_what_may_be_meant(tmp_path, world):
    places = [
        article(f"Place {n}", lat=48.0 + n, lon=16.0, country=name) for n, name in enumerate(["Austria", "Hungary", "Turkey"])
    ]
    catalogue = catalogue_with(tmp_path, articles=places)
    build_index(Checkpoint.open(world.checkpoint), catalogue)
    space = Space.open(world.checkpoint, tmp_path)
    for typed, country in (
        ("AT", "Austria"),
        ("aut", "Austria"),
        ("Österreich", "Austria"),
        ("Türkiye", "Turkey"),
        ("Ungarn", "Hungary"),
        ("AUSTRIA", "Austria"),
    ):
        assert [hit.country for hit in space.search("snow", filter={"countries": typed})] == [country]
    for typed, meant in (("Hungry", "Hungary"), ("Austra", "Austria")):
        with pytest.raises(InputError, match=f"'{typed}'; did you mean .*{meant}"):
            space.search("snow", filter={"countries": typed})
    with pytest.raises(InputError, match="'Atlantis'; countries here are written as Austria, Hungary, Turkey"):
        space.search("snow", filter={"countries": ["austria", "Atlantis"]})


def test_a_search_reads_its_text_first_and_the_answer_has_the_question_that_was_understood(tmp_path, world):
    places = [article(f"Place {lat}", lat=lat, lon=16.0) for lat in (-40.0, 48.0, 65.0)]
    catalogue = catalogue_with(tmp_path, articles=places)
    build_index(Checkpoint.open(world.checkpoint), catalogue)
    space = Space.open(world.checkpoint, tmp_path)
    answer = space.search("snow north of 60°")
    assert answer.question == Question.of("snow", filter={"bbox": "60,-180,90,180"})
    assert [hit.title for hit in answer] == ["Place 65.0"]
    assert answer.notes == ("'north of 60°' was read as a filter: north of 60° N",)
    assert [hit.title for hit in space.search("snow in Austria")] == ["Place 48.0"]
    assert len([*space.search("snow outside Europe")]) == 1
    assert len([*space.search("snow north of 60°", verbatim=True)]) == 3
    typed, place = space.search("65.5 N, 16.5 E"), space.search(place=Place(lat=65.5, lon=16.5))
    assert [*typed] == [*place]
    assert typed.origin == Place(lat=65.5, lon=16.5)
