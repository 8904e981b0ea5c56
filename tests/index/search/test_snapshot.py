"""A snapshot is the table: same rows, same vectors, whatever happened to the table or to the files before."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from index.errors import CatalogueError, InputError
from index.files import remove
from index.records import Embeddings
from index.search import snapshot
from index.search.snapshot import Snapshot, open_snapshot
from index.store import derived
from index.store.catalogue import Catalogue
from index.store.derived import ABANDONED_AFTER_S
from index.store.ingest import ingest
from index.store.vectors import begin_vectors, read_embeddings, write_vectors
from tests.worlds import Listed, article, articles, catalogue_with, clustered, index_with, one_hot

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, so that no test writes into the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = catalogue_with(tmp_path / "catalogue", articles=articles(50))
    index_with(catalogue, "articles", clustered(50, 8))
    return catalogue


def files_of(catalogue: Catalogue) -> list[str]:
    return sorted(os.listdir(Path(catalogue.uri) / "_derived" / "articles"))


def titles(snapshot: Snapshot) -> list[str]:
    found: list[str] = snapshot.take(np.arange(len(snapshot)), ["title"])["title"].to_pylist()
    return found


# What is in it


def test_a_snapshot_holds_what_the_table_holds_in_the_order_of_ids(catalogue: Catalogue) -> None:
    found, table = open_snapshot(catalogue, "articles"), read_embeddings(catalogue, "articles")
    assert found.ids.to_pylist() == list(table.ids) == sorted(table.ids)
    np.testing.assert_array_equal(found.vectors, table.vectors)
    np.testing.assert_array_equal(found.places, table.places)
    assert (len(found), found.dim, found.vectors.dtype, found.manifest.rows) == (50, 8, np.float32, 50)


def test_half_precision_takes_half_the_bytes_and_rounds_each_number_once(catalogue: Catalogue) -> None:
    full, half = open_snapshot(catalogue, "articles"), open_snapshot(catalogue, "articles", "float16")
    np.testing.assert_array_equal(half.vectors, full.vectors.astype(np.float16))
    assert half.vectors.nbytes * 2 == full.vectors.nbytes
    assert len(files_of(catalogue)) == 2, "one does not drive out the other"


def test_vectors_are_mapped_and_cannot_be_written_over(catalogue: Catalogue) -> None:
    with pytest.raises(ValueError, match="read-only"):
        open_snapshot(catalogue, "articles").vectors[0] = 0


def test_places_are_latitude_first(tmp_path: Path) -> None:
    world = catalogue_with(tmp_path / "poles", articles=[article("pole", lat=90, lon=0), article("seam", lat=1, lon=-180)])
    index_with(world, "articles", one_hot(0, 1))
    found = open_snapshot(world, "articles")
    assert dict(zip(titles(found), found.places.tolist(), strict=True)) == {"pole": [90, 0], "seam": [1, -180]}


def test_rows_without_a_vector_are_left_out_until_they_have_one(catalogue: Catalogue) -> None:
    ingest(catalogue, Listed("articles", articles(53)))
    first = open_snapshot(catalogue, "articles")
    assert len(first) == 50
    assert len(first.rows_where("lat IS NOT NULL")) == 50
    index_with(catalogue, "articles", clustered(53, 8))
    assert len(open_snapshot(catalogue, "articles")) == 53


def test_a_batch_of_vectors_lands_on_its_own_rows_however_the_table_is_cut(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "WRITE_ROWS", 7)
    catalogue.table("articles").update(where="lat < -30", values={"country": "XX"})  # these rows move into a new fragment
    found = open_snapshot(catalogue, "articles")
    np.testing.assert_array_equal(found.vectors, read_embeddings(catalogue, "articles").vectors)


def test_a_table_that_is_not_indexed_has_no_snapshot(tmp_path: Path) -> None:
    world = catalogue_with(tmp_path / "bare", articles=articles(3))
    with pytest.raises(CatalogueError, match="not indexed; run `placebind index build"):
        open_snapshot(world, "articles")
    begin_vectors(world, "articles", "3fa1" * 16, 8)
    with pytest.raises(CatalogueError, match="not indexed"):
        open_snapshot(world, "articles")


def test_a_table_whose_vectors_are_all_gone_is_an_empty_snapshot(catalogue: Catalogue) -> None:
    catalogue.table("articles").delete("true")
    found = open_snapshot(catalogue, "articles")
    assert (len(found), found.vectors.shape, found.rows_where("true").tolist()) == (0, (0, 8), [])
    with pytest.raises(CatalogueError, match="1 of 1 ids"):
        found.row_of(["a"])


# Asking it


def test_ids_are_found_at_their_rows_in_the_order_asked(catalogue: Catalogue) -> None:
    found = open_snapshot(catalogue, "articles")
    ids = found.ids.to_pylist()
    assert found.row_of([ids[7], ids[0], ids[49], ids[7]]).tolist() == [7, 0, 49, 7]
    assert found.row_of([]).shape == (0,)


@pytest.mark.parametrize("unknown", ["", "0" * 32, "f" * 32, "zz", "' OR 1=1 --"])
def test_an_unknown_id_is_named_with_the_remedy(catalogue: Catalogue, unknown: str) -> None:
    found = open_snapshot(catalogue, "articles")
    with pytest.raises(CatalogueError, match=r"1 of 2 ids are not among the indexed articles.*placebind index append") as refused:
        found.row_of([found.ids[3].as_py(), unknown])
    assert unknown[:80] in str(refused.value)


def test_sql_gives_the_rows_it_is_true_for_ascending(catalogue: Catalogue) -> None:
    found = open_snapshot(catalogue, "articles")
    expected = [row for row, (lat, _) in enumerate(found.places) if lat < -50]
    assert found.rows_where("lat < -50").tolist() == expected != []
    assert found.rows_where("title = 'nobody'").tolist() == []


@pytest.mark.parametrize("sql", ["", "lat <", "no_such = 1", "lat + 1", "title = 'x", "regexp_like(title, '(')", "1 / 0 = 1"])
def test_bad_sql_is_an_error_of_the_one_who_asked_in_one_line(catalogue: Catalogue, sql: str) -> None:
    with pytest.raises(InputError, match="cannot filter the articles by") as refused:
        open_snapshot(catalogue, "articles").rows_where(sql)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_sql_can_only_ask(catalogue: Catalogue) -> None:
    found = open_snapshot(catalogue, "articles")
    for sql in ("lat > 0; DROP TABLE articles", "lat > 0; DELETE FROM articles"):
        try:
            found.rows_where(sql)
        except InputError:
            continue
    assert catalogue.count("articles") == 50


def test_columns_are_taken_in_the_order_of_rows_also_twice(catalogue: Catalogue) -> None:
    found = open_snapshot(catalogue, "articles")
    rows = [30, 2, 41, 2]
    taken = found.take(rows, ["title", "id", "lat"])
    assert taken.column_names == ["title", "id", "lat"]
    assert taken["id"].to_pylist() == [found.ids[row].as_py() for row in rows]
    assert taken["lat"].to_pylist() == [found.places[row, 0] for row in rows]
    assert found.take([], ["title"]).num_rows == 0


@pytest.mark.parametrize("column", ["nobody", "title; DROP TABLE articles", "lat + 1", ""])
def test_a_column_that_is_not_there_is_refused(catalogue: Catalogue, column: str) -> None:
    with pytest.raises(InputError, match="have no column"):
        open_snapshot(catalogue, "articles").take([0], [column])


def test_a_snapshot_in_memory_can_be_searched_but_not_asked_for_records() -> None:
    vectors = one_hot(0, 1)
    found = Snapshot.in_memory(
        Embeddings(ids=["a", "b"], vectors=vectors, modality="articles", model_digest="3fa1", places=np.zeros((2, 2)))
    )
    assert (found.row_of(["b"]).tolist(), found.dim, found.manifest.mean) == ([1], 4, (0.5, 0.5, 0, 0))
    for ask in (lambda: found.rows_where("true"), lambda: found.take([0], ["title"])):
        with pytest.raises(CatalogueError, match="in memory only"):
            ask()


# The table goes on


def test_new_vectors_make_a_new_snapshot_and_the_old_files_go(catalogue: Catalogue) -> None:
    open_snapshot(catalogue, "articles")
    before = files_of(catalogue)
    catalogue.table("articles").delete("title = 'place 3'")
    assert len(open_snapshot(catalogue, "articles")) == 49
    after = files_of(catalogue)
    assert len(after) == 1
    assert after != before


def test_another_model_makes_a_new_snapshot(catalogue: Catalogue) -> None:
    open_snapshot(catalogue, "articles")
    turned = clustered(50, 8)[::-1]
    index_with(catalogue, "articles", turned, model="9c20" * 16)
    np.testing.assert_array_equal(open_snapshot(catalogue, "articles").vectors, turned)
    assert [name.split("-")[0] for name in files_of(catalogue)] == ["9c209c209c20"]


def test_an_old_snapshot_goes_on_answering_while_the_table_changes(catalogue: Catalogue) -> None:
    old = open_snapshot(catalogue, "articles")
    vectors, names = np.array(old.vectors), titles(old)
    catalogue.table("articles").delete("lat < -30")
    index_with(catalogue, "articles", clustered(50, 8, seed=5), model="9c20" * 16)
    assert len(open_snapshot(catalogue, "articles")) < 50
    np.testing.assert_array_equal(old.vectors, vectors)
    assert titles(old) == names
    assert len(old.rows_where("lat < -30")) > 0


def test_a_snapshot_whose_version_was_cleaned_away_says_so(catalogue: Catalogue) -> None:
    from datetime import timedelta

    old = open_snapshot(catalogue, "articles")
    catalogue.table("articles").update(values={"title": "new"})
    catalogue.table("articles").to_lance().cleanup_old_versions(timedelta(0))
    for read in (lambda: old.take([0], ["title"]), lambda: old.values("country"), lambda: old.rows_where("lat > 0")):
        with pytest.raises(CatalogueError, match=r"version \d+ of the articles cannot be read any more.*open the space again"):
            read()


def test_a_new_version_with_the_same_rows_is_the_same_snapshot(catalogue: Catalogue) -> None:
    old = open_snapshot(catalogue, "articles")
    written = (old.folder or Path()).joinpath("vectors.npy").stat().st_mtime_ns
    catalogue.table("articles").to_lance().update_metadata({"note": "hello"})
    new = open_snapshot(catalogue, "articles")
    assert new.version > old.version
    assert new.folder == old.folder
    assert (new.folder or Path()).joinpath("vectors.npy").stat().st_mtime_ns == written
    assert titles(new) == titles(old)


def test_another_title_is_seen_though_the_vectors_stay_the_same(catalogue: Catalogue) -> None:
    open_snapshot(catalogue, "articles")
    catalogue.table("articles").update(values={"title": "new"})
    assert set(titles(open_snapshot(catalogue, "articles"))) == {"new"}


# Killed, damaged, in a crowd


DYING = """
import os, signal, sys
import numpy as np
from index.search import snapshot
from index.store.catalogue import Catalogue
whole = snapshot._allocate
def half(path, dtype, shape):
    array = whole(path, dtype, shape)
    array[: shape[0] // 2] = 7
    array.flush()
    os.kill(os.getpid(), signal.SIGKILL)
snapshot._allocate = half
snapshot.open_snapshot(Catalogue.open(sys.argv[1]), "articles")
"""


def test_a_process_killed_in_the_middle_leaves_nothing_that_is_taken_for_whole(catalogue: Catalogue) -> None:
    killed = subprocess.run([sys.executable, "-c", DYING, catalogue.uri], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = files_of(catalogue)
    assert len(left) == 1
    assert ".partial-" in left[0]
    found = open_snapshot(catalogue, "articles")
    np.testing.assert_array_equal(found.vectors, read_embeddings(catalogue, "articles").vectors)


def test_what_a_killed_process_left_is_removed_when_nobody_has_written_to_it_for_long(catalogue: Catalogue) -> None:
    folder = Path(catalogue.uri) / "_derived" / "articles"
    for name, age_s in (("abandoned.partial-1", ABANDONED_AFTER_S + 60), ("at-work.partial-2", 60)):
        (folder / name).mkdir(parents=True)
        then = (folder / name).stat().st_mtime - age_s
        os.utime(folder / name, (then, then))
    open_snapshot(catalogue, "articles")
    assert [name for name in files_of(catalogue) if "partial" in name] == ["at-work.partial-2"]


@pytest.mark.parametrize("file", ["vectors.npy", "rows.arrow", "fragments.json"])
@pytest.mark.parametrize("keep", [None, 0, 60, 200])
def test_a_damaged_file_is_made_again(catalogue: Catalogue, file: str, keep: int | None) -> None:
    first = open_snapshot(catalogue, "articles")
    vectors = np.array(first.vectors)
    path = (first.folder or Path()) / file
    content = path.read_bytes()
    path.unlink()
    if keep is not None:
        path.write_bytes(content[:keep])
    again = open_snapshot(catalogue, "articles")
    np.testing.assert_array_equal(again.vectors, vectors)
    assert path.read_bytes() == content


def _open_many(uri: str, times: int) -> None:
    expected = None
    for _ in range(times):
        found = open_snapshot(Catalogue.open(uri), "articles")
        expected = np.array(found.vectors) if expected is None else expected
        np.testing.assert_array_equal(found.vectors, expected)
        remove(found.folder or Path())  # the next one, here or there, has to make it again


def test_processes_that_make_the_same_snapshot_at_once_do_not_harm_each_other(catalogue: Catalogue) -> None:
    context = multiprocessing.get_context("spawn")
    crowd = [context.Process(target=_open_many, args=(catalogue.uri, 8)) for _ in range(2)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    assert [process.exitcode for process in crowd] == [0, 0]
    assert not [name for name in files_of(catalogue) if "partial" in name]


def test_a_folder_that_another_process_removes_meanwhile_is_left_out(tmp_path: Path) -> None:
    for name, age_s in (("old", 60), ("new", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age_s, 1e9 - age_s))
    found = derived.newest_first([tmp_path / "old", tmp_path / "gone", tmp_path / "new"])
    assert [path.name for path in found] == ["new", "old"]


def test_who_loses_the_race_takes_what_the_winner_made(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    write = snapshot._write

    def overtaken(folder: Path, *rest: object) -> None:
        monkeypatch.setattr(snapshot, "_write", write)
        open_snapshot(catalogue, "articles")
        write(folder, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshot, "_write", overtaken)
    np.testing.assert_array_equal(open_snapshot(catalogue, "articles").vectors, read_embeddings(catalogue, "articles").vectors)
    assert len(files_of(catalogue)) == 1


# Where the files lie


def test_files_of_a_catalogue_behind_a_uri_lie_in_the_users_cache(catalogue: Catalogue, cache: Path) -> None:
    remote = Catalogue.open(f"file://{catalogue.uri}")
    found = open_snapshot(remote, "articles")
    assert cache in (found.folder or Path()).parents
    assert not (Path(catalogue.uri) / "_derived").exists()
    np.testing.assert_array_equal(found.vectors, read_embeddings(catalogue, "articles").vectors)
    assert open_snapshot(remote, "articles").folder == found.folder


def test_two_catalogues_do_not_share_their_place_in_the_cache(tmp_path: Path) -> None:
    folders = set()
    for name in ("a", "b"):
        world = catalogue_with(tmp_path / name, articles=articles(3))
        index_with(world, "articles", one_hot(0, 1, 2))
        folders.add(open_snapshot(Catalogue.open(f"file://{world.uri}"), "articles").folder)
    assert len({(folder or Path()).parent for folder in folders}) == 2


def test_a_catalogue_that_cannot_be_written_to_has_its_files_in_the_cache(catalogue: Catalogue, cache: Path) -> None:
    (Path(catalogue.uri) / "_derived").write_text("a file where the folder should be: not even root can write there")
    assert cache in (open_snapshot(catalogue, "articles").folder or Path()).parents


def test_where_nothing_can_be_written_the_remedy_is_named(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(catalogue.uri) / "_derived").write_text("")
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "blocked"))
    with pytest.raises(CatalogueError, match=r"cannot write to any of .*XDG_CACHE_HOME"):
        open_snapshot(catalogue, "articles")


def test_a_full_disk_is_said_and_leaves_nothing_behind(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "posix_fallocate", full)
        with pytest.raises(CatalogueError, match=r"cannot write .*No space left on device; free some space"):
            open_snapshot(catalogue, "articles")
    assert files_of(catalogue) == []
    assert len(open_snapshot(catalogue, "articles")) == 50


def test_derived_files_are_no_table(catalogue: Catalogue) -> None:
    open_snapshot(catalogue, "articles")
    assert catalogue.names() == ["articles"]


def test_vectors_written_but_not_finished_are_no_snapshot(catalogue: Catalogue) -> None:
    ids = begin_vectors(catalogue, "articles", "9c20" * 16, 8, rebuild=True)
    write_vectors(catalogue, "articles", ids, clustered(50, 8))
    with pytest.raises(CatalogueError, match="not indexed"):
        open_snapshot(catalogue, "articles")
