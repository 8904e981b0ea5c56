"""A catalogue at an address: Lance's own object store over a folder takes the way of S3 and GCS, without their servers."""

from pathlib import Path

import numpy as np
import pytest

from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.store.vectors import read_embeddings
from retrieval import Space
from retrieval.building.build import append_to_index, build_index
from tests.conftest import Records, World, fill
from tests.worlds import location
from train.checkpoint import Checkpoint


@pytest.fixture(params=["file", "file-object-store"])
def address(request, tmp_path, monkeypatch) -> str:
    """The address of an empty folder; what is derived from the catalogue has to go elsewhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return f"{request.param}://{tmp_path / 'store'}"


def test_a_catalogue_at_an_address_is_built_searched_and_grows_as_one_in_a_folder_does(address, world: World, tmp_path):
    model, far = Checkpoint.open(world.checkpoint), fill(address)
    near = fill(tmp_path / "near")
    assert build_index(model, far) == build_index(model, near) == {"articles": 48, "tiles": 24, "locations": 200}
    for catalogue in (far, near):
        ingest(catalogue, Records("locations", [location("late", lat=70, lon=1)]))
        assert append_to_index(model, catalogue)["locations"] == 1
    for modality in ("articles", "tiles", "locations"):
        found, expected = read_embeddings(far, modality), read_embeddings(near, modality)
        assert list(found.ids) == list(expected.ids)
        np.testing.assert_array_equal(found.vectors, expected.vectors)
    answers = [Space.open(world.checkpoint, uri).search("snow and ice", k=5) for uri in (address, near.uri)]
    assert [hit.id for hit in answers[0]] == [hit.id for hit in answers[1]]


def test_what_is_derived_from_it_lies_in_the_users_cache(address, world, tmp_path):
    build_index(Checkpoint.open(world.checkpoint), fill(address))
    assert list((tmp_path / "cache").rglob("vectors.npy"))
    assert not list((tmp_path / "store").rglob("vectors.npy"))
    assert sorted(Catalogue.open(address).names())[-1] == "tiles"


def test_an_address_is_found_though_the_command_line_makes_a_path_of_it(address):
    fill(address)
    assert Catalogue.open(Path(address)).uri == address
    assert Catalogue.open(Path(address)).count("tiles") == 24
