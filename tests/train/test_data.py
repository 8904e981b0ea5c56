"""Which records of a catalogue are learnt from and which are held out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.errors import CatalogueError
from tests.train.image.test_tiles import Shade, forget_split, shaded
from tests.train.small_worlds import LetterTower, article, fill
from train.data import HELD_OUT_TILES, TRAINING, VALIDATION, held_out_records, training_records
from train.encoders.image import multispectral
from train.image.tiles import tile_records
from train.text.articles import article_records


def some_articles(count: int, split: str = "") -> list[Any]:
    return [article(f"number {n}", lat=10.0 * n - 30, lon=20.0 * n - 5, split=split) for n in range(count)]


def test_records_of_the_training_split_or_of_none_are_trained_on_and_those_of_validation_and_test_are_not(tmp_path: Path) -> None:
    articles = [article(f"number {n}", n, n, split=split) for n, split in enumerate(["val", "", "train", "train", "test"])]
    tiles = [shaded(10 + n, float(n), split=split) for n, split in enumerate(["val", "", "train", "train", "test"])]
    catalogue = fill(tmp_path / "c", articles, tiles)
    forget_split(catalogue, lat=2)
    kept, held = (article_records(catalogue, LetterTower(), where) for where in (TRAINING, VALIDATION))
    assert (sorted(kept.lat), held.lat.tolist()) == ([1, 2, 3], [0])
    assert not set(kept.ids) & set(held.ids)
    kept_tiles, held_tiles = (tile_records(catalogue, Shade(), where) for where in (TRAINING, VALIDATION))
    assert (sorted(kept_tiles.lat), held_tiles.lat.tolist()) == ([1, 2, 3], [0])


def towers(text: Any, image: Any) -> dict[str, Any]:
    return {"articles": text, "tiles": image}


@pytest.mark.parametrize(
    ("articles", "tiles", "found"), [(3, 3, ["articles", "tiles"]), (3, 0, ["articles"]), (0, 3, ["tiles"]), (3, 1, ["articles"])]
)
def test_whatever_modality_has_at_least_two_records_is_learnt(articles: int, tiles: int, found: list[str], tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles(articles), [shaded(20 * n + 10, n) for n in range(tiles)])
    records = training_records(catalogue, towers(LetterTower(), Shade()))
    assert [each.modality for each in records] == found
    assert all(len(each) == 3 for each in records)


@pytest.mark.parametrize("split", ["one article", "validation only", "unknown sensor"])
def test_a_catalogue_with_nothing_to_learn_from_is_refused_with_the_remedy(split: str, tmp_path: Path) -> None:
    class Blind(Shade):
        sensors = ("nasa_coarse",)

    records = {
        "one article": (some_articles(1), []),
        "validation only": (some_articles(3, split="val"), []),
        "unknown sensor": ([], [shaded(2000, 1, "sentinel2"), shaded(3000, 2, "sentinel2")]),
    }[split]
    catalogue = fill(tmp_path / "c", *records)
    with pytest.raises(CatalogueError, match="placebind ingest"):
        training_records(catalogue, towers(LetterTower(), Blind()))


@pytest.mark.parametrize(("asked", "found"), [((), ["articles", "tiles"]), (("tiles",), ["tiles"]), (("articles",), ["articles"])])
def test_only_the_modalities_that_are_asked_for_are_read(asked: Any, found: list[str], tmp_path: Path) -> None:
    tower = LetterTower()
    catalogue = fill(tmp_path / "c", some_articles(3), [shaded(20 * n + 10, n) for n in range(3)])
    records = training_records(catalogue, towers(tower, Shade()), asked)
    assert [each.modality for each in records] == found
    assert bool(tower.read) == ("articles" in found)


def test_a_modality_that_was_asked_for_and_is_not_there_is_named(tmp_path: Path) -> None:
    catalogue = fill(tmp_path / "c", some_articles(3))
    with pytest.raises(CatalogueError, match=r"no tiles to learn from.*placebind ingest"):
        training_records(catalogue, towers(LetterTower(), Shade()), ("articles", "tiles"))


def test_sentences_stand_in_for_articles_that_are_learnt_from_never_for_those_held_out(tmp_path: Path) -> None:
    text = "A volcano rises above the bay of the harbour. Eels are eaten in every one of the taverns."
    articles = [article(f"{text} {n}", n, n, split="val" if n == 2 else "") for n in range(3)]
    catalogue, tower, chances = fill(tmp_path / "c", articles), LetterTower(), np.zeros((1, 2))
    (learnt,) = training_records(catalogue, towers(tower, Shade()), sentence_share=1.0)
    (held_out,) = held_out_records(catalogue, towers(tower, Shade()), ("articles",))
    row = np.array([0])
    for records, same in ((learnt, False), (held_out, True)):
        assert bool((records.batch(row, chances).passages == records.batch(row).passages).all()) == same


def test_bands_are_hidden_of_tiles_that_are_learnt_from_never_of_those_held_out(tmp_path: Path) -> None:
    tiles = [shaded(10 * n + 10, n, split="val" if n == 2 else "") for n in range(3)]
    tower = multispectral.build(trunk="test_convnext", size_px=32)
    catalogue, chances = fill(tmp_path / "c", tiles=tiles), np.zeros((1, 2))
    (learnt,) = training_records(catalogue, towers(LetterTower(), tower), few_bands_share=1.0)
    (held_out,) = held_out_records(catalogue, towers(LetterTower(), tower), ("tiles",))
    for records, mask in ((learnt, [[1, 1, 1, 0]]), (held_out, [[1, 1, 1, 1]])):
        assert records.batch(np.array([0]), chances).groups[0].present.tolist() == mask


def test_held_out_are_all_articles_and_the_first_tiles_of_the_validation_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.data.HELD_OUT_TILES", 3)
    tiles = [shaded(10 * n + 10, n / 2, split="val") for n in range(5)]
    catalogue = fill(tmp_path / "c", some_articles(4, split="val"), [*tiles, shaded(99, 40)])
    articles, few = held_out_records(catalogue, towers(LetterTower(), Shade()), ("articles", "tiles"))
    assert len(articles) == 4
    assert few.ids == sorted(each.id for each in tiles)[:3]
    assert few.batch(np.arange(3)).lat.tolist() == few.lat.tolist()
    assert HELD_OUT_TILES > 3


def test_a_catalogue_without_a_validation_split_holds_nothing_out(tmp_path: Path) -> None:
    assert held_out_records(fill(tmp_path / "c", some_articles(3)), towers(LetterTower(), Shade()), ("articles",)) == []
