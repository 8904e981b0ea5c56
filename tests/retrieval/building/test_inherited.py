"""A model that started from another one takes over that one's index: only what its own tower reads is embedded again."""

import numpy as np
import pytest

from index.errors import ModelMismatchError
from index.records import Article, Place
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.vectors import manifest_of, read_embeddings
from retrieval.building.build import LocalEngine, append_to_index, build_index
from retrieval.building.inherited import about_inherited, inherited
from retrieval.space import Space
from tests.conftest import TINY, Records, World
from train.base import settings_from
from train.checkpoint import Checkpoint
from train.config import TrainConfig
from train.loop import train

SMALL = ("image.options={width=8, hidden=16}",)


class CountingEngine(LocalEngine):
    """Notes how many records of each modality went through an encoder."""

    def __init__(self):
        self.embedded = {}

    def embed(self, checkpoint, catalogue, modality, ids, staging, progress):
        self.embedded[modality] = len(ids)
        super().embed(checkpoint, catalogue, modality, ids, staging, progress)


def started_from(base: Checkpoint, world: World, name: str, only="tiles", **flags) -> Checkpoint:
    """A model in which only the tower for one modality has learnt, beside the catalogue."""
    catalogue = Catalogue.open(world.folder)
    settings = SMALL if only == "tiles" else ()
    config = TrainConfig.load(
        settings=settings, defaults=settings_from(base, only, catalogue), steps=2, tile_batch=8, article_batch=8, **flags
    )
    return train(config, catalogue, world.folder / name).checkpoint


def versions(catalogue: Catalogue) -> dict[str, int]:
    return {modality: catalogue.table(modality).version for modality in ("articles", "tiles", "locations")}


def test_only_the_tiles_are_embedded_again_and_the_other_tables_are_not_touched(own_world):
    base, catalogue = Checkpoint.open(own_world.checkpoint), Catalogue.open(own_world.folder)
    model, engine = started_from(base, own_world, "own"), CountingEngine()
    before, old = versions(catalogue), {each: read_embeddings(catalogue, each) for each in ("articles", "tiles", "locations")}
    assert inherited(model, catalogue) == ["articles", "locations"]
    added = build_index(model, catalogue, engine=engine)
    assert engine.embedded == {"tiles": 24}
    assert added == {"articles": 0, "tiles": 24, "locations": 0}
    after = versions(catalogue)
    assert (after["articles"], after["locations"]) == (before["articles"], before["locations"])
    for modality in ("articles", "locations"):
        assert read_embeddings(catalogue, modality).vectors.tobytes() == old[modality].vectors.tobytes()
    tiles = read_embeddings(catalogue, "tiles")
    assert tiles.model_digest == model.digest
    assert not np.allclose(tiles.vectors, old["tiles"].vectors, atol=0.01)


def test_the_vectors_that_were_kept_are_those_that_the_new_model_makes(own_world):
    model, catalogue = started_from(Checkpoint.open(own_world.checkpoint), own_world, "own"), Catalogue.open(own_world.folder)
    build_index(model, catalogue)
    space = Space.open(model.path.parent, own_world.folder)
    for modality in ("articles", "tiles", "locations"):
        found = read_embeddings(catalogue, modality)
        np.testing.assert_allclose(space.embed_records(modality, found.ids), found.vectors, atol=1e-5)
    assert {hit.modality for hits in space.search("palm trees").hits.values() for hit in hits} == {"articles", "tiles", "locations"}


def test_the_model_that_it_started_from_no_longer_fits_the_tiles(own_world):
    base = Checkpoint.open(own_world.checkpoint)
    build_index(started_from(base, own_world, "own"), Catalogue.open(own_world.folder))
    with pytest.raises(ModelMismatchError, match="index of the tiles"):
        Space.open(own_world.checkpoint, own_world.folder)


def test_what_comes_later_is_added_with_the_kept_encoder_and_the_index_stays_the_first_model_s(own_world):
    base, catalogue = Checkpoint.open(own_world.checkpoint), Catalogue.open(own_world.folder)
    model = started_from(base, own_world, "own")
    build_index(model, catalogue)
    ingest(catalogue, Records("articles", [Article(place=Place(lat=1, lon=1), title="New", text="A new place.")]))
    assert append_to_index(model, catalogue) == {"articles": 1, "tiles": 0, "locations": 0}
    manifest = manifest_of(catalogue, "articles")
    assert manifest is not None
    assert (manifest.model_digest, manifest.rows) == (base.digest, 49)


def test_through_two_models_each_table_is_known_by_the_one_that_taught_its_encoder(own_world):
    base, catalogue = Checkpoint.open(own_world.checkpoint), Catalogue.open(own_world.folder)
    first = started_from(base, own_world, "first")
    build_index(first, catalogue)
    second, engine = started_from(first, own_world, "second", only="articles"), CountingEngine()
    assert inherited(second, catalogue) == ["tiles", "locations"]
    build_index(second, catalogue, engine=engine)
    assert engine.embedded == {"articles": 48}
    digests = [read_embeddings(catalogue, each).model_digest for each in ("locations", "tiles", "articles")]
    assert digests == [base.digest, first.digest, second.digest]
    assert Space.open(second.path.parent, own_world.folder).search("snow").hits


def test_a_rebuild_embeds_everything_again(own_world):
    model, engine = started_from(Checkpoint.open(own_world.checkpoint), own_world, "own"), CountingEngine()
    build_index(model, Catalogue.open(own_world.folder), rebuild=True, engine=engine)
    assert engine.embedded == {"articles": 48, "tiles": 24, "locations": 200}


def test_only_an_index_of_the_model_itself_is_replaced_without_being_asked(own_world):
    """Tiles of a sister, which started from the same model, are another one's work."""
    base, catalogue = Checkpoint.open(own_world.checkpoint), Catalogue.open(own_world.folder)
    one, other = started_from(base, own_world, "one"), started_from(base, own_world, "other", seed=3)
    build_index(one, catalogue)
    with pytest.raises(ModelMismatchError, match="index of the tiles was built with model"):
        build_index(other, catalogue)
    config = TrainConfig.parse({**TINY, "steps": 1, "seed": 7}, where="tests").resolved()
    stranger = train(config, catalogue, own_world.folder / "stranger").checkpoint
    assert inherited(stranger, catalogue) == []
    with pytest.raises(ModelMismatchError):
        build_index(stranger, catalogue)


def test_to_append_replaces_nothing(own_world):
    model, catalogue = started_from(Checkpoint.open(own_world.checkpoint), own_world, "own"), Catalogue.open(own_world.folder)
    before = versions(catalogue)
    with pytest.raises(ModelMismatchError, match="index of the tiles"):
        append_to_index(model, catalogue)
    assert versions(catalogue) == before


def test_the_sentence_about_it_names_the_tables():
    assert about_inherited([]) == ""
    assert about_inherited(["articles", "locations"]).startswith("articles and locations: vectors kept, the encoders are the same")
    assert about_inherited(["tiles"]).startswith("tiles: vectors kept, the encoder is the same")
