"""What is asked in bad faith, or of a machine in bad shape, is answered or refused in one line and harms nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.errors import CatalogueError, ConfigError, InputError, PlaceBindError
from index.records import MODALITIES
from index.search.filters import Filter
from index.search.snapshot import open_snapshot
from index.store.catalogue import Catalogue
from retrieval import Space
from retrieval.asking.how import How
from retrieval.asking.parts import Part
from retrieval.asking.query import QueryVectors
from retrieval.asking.question import Question
from retrieval.heat.heat import heat_of
from tests.conftest import World
from tests.disks import no_file_longer_than
from tests.retrieval.hand_space import HandSpace

LONG = 1_000_000
# Starts the command line so that even root may write only where the permissions say so: without CAP_DAC_OVERRIDE (1), dropped by
# PR_CAPBSET_DROP (24) of Linux' prctl. Who is not root has nothing to drop.
WITHOUT_OVERRIDE = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "ui", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def space(_trained: World) -> Space:
    return Space.open(_trained.checkpoint, _trained.folder)


def query_vectors(vector: np.ndarray) -> QueryVectors:
    return QueryVectors(("x",), ("articles",), vector[None].astype(np.float32), np.ones((1, 1)))


# Vectors


@pytest.mark.parametrize("poison", [0.0, np.nan, np.inf])
def test_a_part_whose_vector_is_zero_or_no_number_is_refused(poison: float) -> None:
    with pytest.raises(InputError, match="not of unit norm"):
        query_vectors(np.full(3, poison))


def test_a_query_of_another_dimension_is_refused(space: Space) -> None:
    with pytest.raises(InputError, match=r"queries must be \[Q, 32\], got \(1, 31\)"):
        space.searcher("articles").search(query_vectors(np.eye(31)[0]), 3, How())
    with pytest.raises(InputError, match="expected finite queries of 32 numbers"):
        heat_of(space.cells, np.eye(31)[0])


# Texts


def test_of_a_megabyte_of_text_no_more_is_read_than_a_tower_can_see(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    tower, read = space.encoder("articles"), []
    features = tower.features
    monkeypatch.setattr(tower, "features", lambda texts: (read.extend(map(len, texts)), features(texts))[1])
    answer = space.search("snow " * (LONG // 5), k=2, words=True)
    assert read == [65_536]
    assert len(answer.query) < 250, "it is said in one line"
    assert all(len(hits) == 2 for hits in answer.hits.values())


@pytest.mark.parametrize(
    "text",
    ["\0" * 50, "\x1b[31m", "(((" * 500, "' OR 1=1 --", "ثلج وجليد", "\u202egnp.exe", "🏔️" * 100, "%s {0} $x `id`", '+-*/:^~"AND'],
)
def test_any_text_is_a_question_and_no_syntax(space: Space, text: str) -> None:
    answer = space.search(text, k=3, words=True)
    assert all(len(hits) == 3 for hits in answer.hits.values())


def test_a_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InputError, match="an invalid character"):
        Part.of("snow \udcff")


# Filters


@pytest.mark.parametrize(
    "where",
    [
        "1 = 1; DROP TABLE articles",
        "title = 'x' UNION SELECT * FROM tiles",
        "lat > 0) OR (1 = 1",
        "`lat` > 0 -- ' AND",
        "repeat(title, 1000000000) = ''",
        "`no_such_column` = 1",
        "`title\x00` = ''",
        "`lat` > 0 OR `x`` = '' OR 1=1 --` = 1",
        "vector = ''",
        "x" * LONG,
    ],
)
def test_sql_that_would_do_more_than_ask_is_refused_in_one_line(space: Space, where: str) -> None:
    version = space.catalogue.table("articles").version
    with pytest.raises(PlaceBindError) as refused:
        space.search("snow", kinds=("articles",), filter=Filter.parse({"where": where}))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500
    assert (space.catalogue.table("articles").version, space.catalogue.count("articles")) == (version, 48)


@pytest.mark.parametrize("name", ["lat); DROP TABLE articles; --", "where\0", "__class__", "title` OR 1=1"])
def test_a_filter_by_an_invented_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="there is no filter"):
        Filter.parse({name: "1"})


def test_a_value_with_sql_in_it_is_a_value(space: Space) -> None:
    for value in ("x' OR '1'='1", "x') OR (1=1", "\\' OR 1=1 --", "%"):
        how = How(filter=Filter.parse({"sources": value}))
        assert space.search("snow", kinds=("articles",), **dict(how)).hits == {"articles": []}
        with pytest.raises(InputError, match="no record that is searched is in a country"):
            space.search("snow", kinds=("articles",), filter={"countries": value})


# Numbers


@pytest.mark.parametrize("how", [How(), How(words=True), How(centred=True)], ids=["plain", "words", "centred"])
def test_asking_for_more_hits_than_numbers_have_names_gives_all_records(space: Space, how: How) -> None:
    answer = space.search("snow", k=10_000, **dict(how))
    assert {modality: len(hits) for modality, hits in answer.hits.items()} == {"articles": 48, "tiles": 24, "locations": 200}


def test_a_weight_that_drowns_the_others_leaves_a_number() -> None:
    hand = HandSpace({"x": (1, 0, 0), "y": (0, 1, 0)})
    found = Question(parts=(Part.of("x", 10), Part.of("y", 1e-308))).embed(hand)
    np.testing.assert_allclose(found.vectors, [[1, 0, 0]])


# A machine in bad shape


@pytest.mark.parametrize("room", [100, 20_000], ids=["for no file", "for one file of two"])
def test_a_disk_that_is_full_when_a_search_needs_room_is_said_and_the_next_search_works(own_world: World, room: int) -> None:
    """Locations: 200 rows of ids and places take 13 kB, their vectors 26 kB."""
    derived = own_world.folder / "_derived"
    shutil.rmtree(derived, ignore_errors=True)
    catalogue = Catalogue.open(own_world.folder)
    with no_file_longer_than(room), pytest.raises(CatalogueError, match=r"cannot write .*free some space there$") as said:
        open_snapshot(catalogue, "locations")
    assert "\n" not in str(said.value)
    assert [path for path in derived.rglob("*") if path.is_file()] == []
    answer = Space.open(own_world.checkpoint, own_world.folder).search("snow", kinds=("locations",), k=3)
    assert len(answer.hits["locations"]) == 3


def test_where_it_is_the_disk_of_the_cache_that_is_full_another_cache_is_named_as_a_remedy(
    own_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue beside which nothing may lie has its derived files in the cache, as one in an object store has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.rmtree(own_world.folder / "_derived", ignore_errors=True)
    (own_world.folder / "_derived").write_text("a file where the folder should be")
    catalogue = Catalogue.open(own_world.folder)
    remedy = rf"cannot write {tmp_path}/cache/.*free some space there or set XDG_CACHE_HOME to another disk$"
    with no_file_longer_than(100), pytest.raises(CatalogueError, match=remedy):
        open_snapshot(catalogue, "locations")


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux'")
@pytest.mark.parametrize("has_folders", [False, True])
def test_a_catalogue_that_may_only_be_read_is_searched(own_world: World, tmp_path: Path, has_folders: bool) -> None:
    """With words, pictures and stored records; what has to be written goes to the user's cache."""
    derived = own_world.folder / "_derived"
    shutil.rmtree(derived, ignore_errors=True)
    for modality in MODALITIES if has_folders else ():
        (derived / modality).mkdir(parents=True)
    item = Catalogue.open(own_world.folder).column("articles", [])["id"][0].as_py()
    folders = [own_world.folder, *(path for path in own_world.folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    asked = ["snow", "--image", str(own_world.tile_file), "--like", f"articles:{item}", "--words", "--explain", "-k", "2"]
    try:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_OVERRIDE, "search", *asked, "--catalogue", str(own_world.folder)],
            capture_output=True, text=True, cwd=Path(__file__).parents[3],
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        )  # fmt: skip
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("score") == 3
    assert list((tmp_path / "cache").rglob("vectors.npy"))
    assert [path for path in derived.rglob("*") if path.is_file()] == []
