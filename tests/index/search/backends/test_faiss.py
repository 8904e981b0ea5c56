"""The FAISS index as a file: trained once, loaded again, made again when it does not fit, and never half."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import CatalogueError
from index.search.backends import faiss
from index.search.snapshot import Snapshot, open_snapshot
from index.store.catalogue import Catalogue
from tests.worlds import catalogue_with, clustered, index_with, locations

COUNT, DIM = 600, 16


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = catalogue_with(tmp_path / "world", locations=locations(COUNT))
    index_with(catalogue, "locations", clustered(COUNT, DIM))
    return catalogue


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The factory strings of all indexes trained in the test."""
    done: list[str] = []
    train = faiss._train

    def counted(library: Any, snapshot: Snapshot, options: faiss.Options, factory: str) -> Any:
        done.append(factory)
        return train(library, snapshot, options, factory)

    monkeypatch.setattr(faiss, "_train", counted)
    return done


def saved(snapshot: Snapshot) -> list[str]:
    return sorted(name for name in os.listdir(snapshot.folder or "") if name.endswith(".faiss"))


def answers(snapshot: Snapshot, **options: Any) -> Any:
    search = faiss.build(snapshot=snapshot, **{"kind": "ivf", **options})
    return search.search(clustered(10, DIM, seed=3), 5)[0].tolist()


def test_an_index_is_trained_once_and_saved_beside_the_snapshot(catalogue: Catalogue, trainings: list[str]) -> None:
    snapshot = open_snapshot(catalogue, "locations")
    first = answers(snapshot)
    assert answers(open_snapshot(catalogue, "locations")) == first
    assert trainings == ["IVF32,SQ8"]  # the power of two nearest to the square root of 600
    assert saved(snapshot) == ["IVF32-SQ8.faiss"]


def test_each_kind_has_a_file_of_its_own(catalogue: Catalogue, trainings: list[str]) -> None:
    snapshot = open_snapshot(catalogue, "locations")
    answers(snapshot), answers(snapshot, kind="hnsw", links=8), answers(snapshot, lists=5)
    assert saved(snapshot) == ["HNSW8_SQ8-ef80.faiss", "IVF32-SQ8.faiss", "IVF5-SQ8.faiss"]
    assert len(trainings) == 3


def test_how_it_is_searched_needs_no_new_training(catalogue: Catalogue, trainings: list[str]) -> None:
    snapshot = open_snapshot(catalogue, "locations")
    for options in ({"nprobe": 1}, {"nprobe": 500}, {"refine": 3}):
        answers(snapshot, **options)
    assert len(trainings) == 1


def test_a_changed_table_has_an_index_of_its_own_and_the_old_file_goes(catalogue: Catalogue, trainings: list[str]) -> None:
    old = open_snapshot(catalogue, "locations")
    answers(old)
    catalogue.table("locations").delete("lat < 0")
    new = open_snapshot(catalogue, "locations")
    assert max(max(row) for row in answers(new)) < len(new) < len(old)
    assert len(trainings) == 2
    assert not (old.folder or Path()).exists()


def test_an_index_of_another_model_is_never_used(catalogue: Catalogue, trainings: list[str]) -> None:
    answers(open_snapshot(catalogue, "locations"))
    index_with(catalogue, "locations", clustered(COUNT, DIM)[::-1], model="9c20" * 16)
    new = open_snapshot(catalogue, "locations")
    found = faiss.build(snapshot=new, kind="ivf").search(np.array(new.vectors[:3]), 1)[0]
    assert found.tolist() == [[0], [1], [2]]
    assert len(trainings) == 2


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_a_damaged_file_is_made_again(catalogue: Catalogue, trainings: list[str], keep: int) -> None:
    snapshot = open_snapshot(catalogue, "locations")
    first = answers(snapshot)
    path = (snapshot.folder or Path()) / saved(snapshot)[0]
    path.write_bytes(path.read_bytes()[:keep])
    assert answers(snapshot) == first
    assert len(trainings) == 2
    assert answers(snapshot) == first
    assert len(trainings) == 2, "the new file is whole"


def test_a_file_of_other_rows_is_not_believed(catalogue: Catalogue, tmp_path: Path, trainings: list[str]) -> None:
    fewer = catalogue_with(tmp_path / "fewer", locations=locations(500))
    index_with(fewer, "locations", clustered(500, DIM))
    small, large = open_snapshot(fewer, "locations"), open_snapshot(catalogue, "locations")
    first = answers(large, lists=9)
    answers(small, lists=9)
    name = saved(large)[0]
    ((large.folder or Path()) / name).write_bytes(((small.folder or Path()) / name).read_bytes())
    assert answers(large, lists=9) == first
    assert len(trainings) == 3


def test_a_full_disk_is_said_and_leaves_no_half_file(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss as library

    write = library.write_index

    def full(index: Any, path: str) -> None:
        write(index, path)
        Path(path).write_bytes(Path(path).read_bytes()[:100])
        raise RuntimeError("Error: 'ret == (size)' failed: write error: No space left on device")

    snapshot = open_snapshot(catalogue, "locations")
    with monkeypatch.context() as disk:
        disk.setattr(library, "write_index", full)
        with pytest.raises(CatalogueError, match=r"cannot save the search index at .*No space left on device"):
            answers(snapshot)
    assert sorted(os.listdir(snapshot.folder or "")) == ["fragments.json", "rows.arrow", "shown.arrow", "vectors.npy"]
    answers(snapshot)


def test_an_index_beside_a_folder_that_cannot_be_written_to_goes_to_the_cache(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainings: list[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    snapshot = open_snapshot(catalogue, "locations")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere: say no for it
    first = answers(snapshot)
    assert answers(snapshot) == first
    assert (saved(snapshot), len(trainings)) == ([], 1)
    assert [path.name for path in (tmp_path / "cache").rglob("*.faiss")] == ["IVF32-SQ8.faiss"]


@pytest.mark.parametrize("dim", [6, 7])
def test_a_dimension_that_four_does_not_divide_is_coded_in_smaller_parts(tmp_path: Path, dim: int) -> None:
    world = catalogue_with(tmp_path / "odd", locations=locations(300))
    index_with(world, "locations", clustered(300, dim))
    snapshot = open_snapshot(world, "locations")
    found = faiss.build(snapshot=snapshot, kind="ivf", codes="4bit").search(np.array(snapshot.vectors[:20]), 5)[0]
    assert found[:, 0].tolist() == list(range(20))


@pytest.mark.parametrize(("dim", "codes"), [(32, 32), (64, 64), (66, 66), (128, 64), (256, 64), (512, 128)])
def test_few_dimensions_have_finer_codes(tmp_path: Path, dim: int, codes: int) -> None:
    world = catalogue_with(tmp_path / "codes", locations=locations(20))
    index_with(world, "locations", clustered(20, dim))
    factory = faiss._factory(open_snapshot(world, "locations"), faiss.Options(gpu=False, codes="4bit"), "ivf")
    assert factory == f"IVF4,PQ{codes}x4fs"


@pytest.mark.parametrize(
    ("dim", "lists", "nprobe"),
    [(512, 1024, 64), (512, 2048, 64), (256, 512, 64), (128, 256, 64), (64, 512, 64), (64, 1024, 128), (32, 2048, 512)],
)
def test_more_lists_are_looked_into_where_there_are_few_dimensions(dim: int, lists: int, nprobe: int) -> None:
    assert faiss._nprobe(dim, lists) == nprobe


def test_more_lists_looked_into_find_more(catalogue: Catalogue) -> None:
    snapshot = open_snapshot(catalogue, "locations")
    asked = clustered(40, DIM, seed=5)  # of other clusters: near the borders of lists
    exact = np.argsort(-(asked @ snapshot.vectors.T), axis=1)[:, :10]
    found = [faiss.build(snapshot=snapshot, kind="ivf", nprobe=nprobe, refine=30).search(asked, 10)[0] for nprobe in (1, 32)]
    shares = [np.mean([np.isin(row, best).mean() for row, best in zip(each, exact, strict=True)]) for each in found]
    assert shares[0] < shares[1]
    assert shares[1] >= 0.97


def test_a_short_answer_ends_in_rows_of_minus_one(catalogue: Catalogue) -> None:
    snapshot = open_snapshot(catalogue, "locations")
    search = faiss.build(snapshot=snapshot, kind="ivf", nprobe=1)
    rows, cosines = search.search(np.array(snapshot.vectors[:1]), COUNT)
    found = int((rows >= 0).sum())
    assert 0 < found < COUNT
    assert (rows[0, found:] == -1).all()
    assert np.isneginf(cosines[0, found:]).all()
    assert rows[0, 0] == 0
