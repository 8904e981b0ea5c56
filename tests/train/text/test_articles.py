"""Articles on their way into a batch: features cached once, passages in order, sentences that stand for the whole."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from index.store import vectors
from index.store.catalogue import Catalogue
from tests.train.small_worlds import Interrupted, LetterTower, article, fill
from train.data import TRAINING
from train.text import articles
from train.text.articles import (
    ALONE,
    ArticleBatch,
    Passages,
    article_batch,
    article_records,
    cached_features,
    query_passages,
    row_passages,
    whole_text,
)

TEXTS = ["banana banana", "a", "oboe", "eel", "xyz", "koala bear", "pea"]
SENTENCES = [
    "A volcano rises above the bay of the harbour.",
    "Eels are eaten in every one of the taverns.",
    "Oboes and organs sound on long evenings here.",
    "No one knows how old the oldest house may be.",
    "Every year a boat race is held on the lagoon.",
    "Far behind the dunes a desert has its border.",
]


class WideTower(LetterTower):
    """With 512 features: each of the four 128 times."""

    feature_key, feature_dim = "wide", 512

    def features(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        return np.tile(super().features(texts), (1, 128))


class Whole(nn.Module):
    """A text tower that reads the whole text and nothing else."""

    def forward(self, passages: Tensor, present: Tensor) -> Tensor:
        return passages[:, 0]


def letters(texts: list[str]) -> np.ndarray[Any, Any]:
    return LetterTower().features(texts)


def some_articles(texts: list[str] = TEXTS) -> list[Any]:
    return [article(text, lat=10.0 * n - 30, lon=20.0 * n - 60) for n, text in enumerate(texts)]


def world(folder: Path, texts: list[str] = TEXTS) -> tuple[Catalogue, list[str]]:
    catalogue = fill(folder / "c", some_articles(texts))
    return catalogue, catalogue.column("articles", [])["id"].to_pylist()


def read_by(ids: list[str], catalogue: Catalogue) -> list[str]:
    texts: list[str] = catalogue.rows("articles", ids, ["text"])["text"].to_pylist()
    return texts


def test_features_are_computed_once_and_then_read_from_the_catalogue(tmp_path: Path) -> None:
    catalogue, ids = world(tmp_path)
    first, second = LetterTower(), LetterTower()
    features = cached_features(catalogue, first, ids)
    assert sorted(first.read) == sorted(TEXTS)
    np.testing.assert_array_equal(cached_features(catalogue, second, ids), features)
    assert second.calls == 0


def test_after_new_articles_came_only_they_are_computed(tmp_path: Path) -> None:
    catalogue, ids = world(tmp_path)
    cached_features(catalogue, LetterTower(), ids)
    fill(tmp_path / "c", [*some_articles(), article("a late addition", 1, 2)])
    tower = LetterTower()
    features = cached_features(catalogue, tower, catalogue.column("articles", [])["id"].to_pylist())
    assert tower.read == ["a late addition"]
    assert features.shape == (8, 4)


def test_another_tower_has_a_cache_of_its_own(tmp_path: Path) -> None:
    catalogue, ids = world(tmp_path)
    cached_features(catalogue, LetterTower(), ids)
    other = LetterTower()
    other.feature_key = "other_letters"
    cached_features(catalogue, other, ids)
    assert len(other.read) == len(TEXTS)


def test_a_tower_that_breaks_off_is_taken_up_behind_its_last_chunk(tmp_path: Path) -> None:
    catalogue, ids = world(tmp_path)
    with pytest.raises(Interrupted):
        cached_features(catalogue, LetterTower(breaks_at_call=3), ids, chunk=2)
    tower = LetterTower()
    features = cached_features(catalogue, tower, ids, chunk=2)
    assert len(tower.read) == len(TEXTS) - 4
    np.testing.assert_array_equal(features, letters(read_by(ids, catalogue)))


def test_progress_counts_every_text_once_whether_known_or_new(tmp_path: Path) -> None:
    catalogue, ids = world(tmp_path)
    cached_features(catalogue, LetterTower(), ids[:3])
    advances: list[int] = []
    cached_features(catalogue, LetterTower(), ids, advance=advances.append, chunk=3)
    assert advances == [3, 3, 1]


def test_features_come_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    catalogue, ids = world(tmp_path)
    forwards = cached_features(catalogue, LetterTower(), ids)
    np.testing.assert_array_equal(cached_features(catalogue, LetterTower(), ids[::-1]), forwards[::-1])


def test_an_article_keeps_its_place_and_its_words_together_through_every_batch(tmp_path: Path) -> None:
    articles = some_articles()
    records = article_records(fill(tmp_path / "c", articles), LetterTower(), TRAINING)
    known = {each.id: each for each in articles}
    for rows in ([0, 1, 2, 3, 4, 5, 6], [6, 2], [3]):
        batch = records.batch(np.array(rows))
        assert batch.modality == "articles"
        assert batch.passages.shape == (len(rows), 1, 4)
        for n, row in enumerate(rows):
            expected = known[records.ids[row]]
            assert (float(batch.lat[n]), float(batch.lon[n])) == (expected.place.lat, expected.place.lon)
            np.testing.assert_array_equal(batch.passages[n, 0].numpy(), letters([expected.text])[0])
        torch.testing.assert_close(batch.encode(Whole()), batch.passages[:, 0])


def test_of_many_articles_neither_texts_nor_features_are_in_memory_and_batches_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 articles with 3 MB of text and more than 2 MB of features."""
    texts = [f"The boat race number {n} is held on the lagoon in summer. {'Eel. ' * 1600}" for n in range(400)]
    catalogue = fill(tmp_path, [article(text, lat=n / 100, lon=0.0) for n, text in enumerate(texts)])
    shares = {"sentence_share": 0.5, "masked_share": 0.25}
    monkeypatch.setattr(articles, "mask_names", lambda text, title: text.replace("lagoon", "lake"))
    tower = WideTower(passages=3)
    rows, chances = np.arange(0, 400, 7), np.random.default_rng(0).random((58, 2))
    in_memory = article_records(catalogue, tower, TRAINING, **shares).batch(rows, chances)
    monkeypatch.setattr(articles, "READ_ROWS", 20)
    monkeypatch.setattr(vectors, "IN_MEMORY_BYTES", 2**16)
    monkeypatch.setattr(vectors, "WRITE_ROWS", 20)
    tracemalloc.start()
    records = article_records(catalogue, tower, TRAINING, **shares)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2**20
    batch = records.batch(rows, chances)
    torch.testing.assert_close(batch.passages, in_memory.passages, rtol=0, atol=0)
    assert batch.present.tolist() == in_memory.present.tolist()


@pytest.mark.parametrize(
    ("title", "text", "whole"),
    [
        ("Vienna", "A city.", "Vienna. A city."),
        ("Vienna", "Vienna is a city.", "Vienna is a city."),
        ("", "A city.", "A city."),
        (None, "A city.", "A city."),
    ],
)
def test_the_title_is_read_too_unless_the_text_begins_with_it(title: str | None, text: str, whole: str) -> None:
    assert whole_text(title, text) == whole


def test_tower_reads_title_and_text_of_an_article(tmp_path: Path) -> None:
    catalogue, tower = fill(tmp_path / "c", [article("A city.", 48, 16, title="Vienna"), article("No title.", 1, 1)]), LetterTower()
    article_records(catalogue, tower, TRAINING)
    assert sorted(tower.read) == ["No title.", "Vienna. A city."]


def test_a_tower_that_reads_the_whole_only_has_no_sentence_computed(tmp_path: Path) -> None:
    catalogue, _ = world(tmp_path, [" ".join(SENTENCES)])
    tower = LetterTower()
    article_records(catalogue, tower, TRAINING)
    assert tower.read == [" ".join(SENTENCES)]


def test_parts_are_the_whole_text_and_then_its_first_sentences(tmp_path: Path) -> None:
    """Four passages: an article of six sentences fills them, one of two leaves one empty, one too short has its whole alone."""
    texts = [" ".join(SENTENCES), " ".join(SENTENCES[:2]), "Too short."]
    catalogue, ids = world(tmp_path, texts)
    tower = LetterTower(passages=4)
    passages = Passages(catalogue, tower, ids, 3)
    assert sorted(tower.read) == sorted([*texts, *SENTENCES[:3]])  # what two articles say is read once
    for chosen in ([0, 1, 2], [2, 0], [1, 1]):
        features, present = passages.of(np.array(chosen), 4)
        for row, wanted in enumerate(read_by([ids[n] for n in chosen], catalogue)):
            expected = {texts[0]: [texts[0], *SENTENCES[:3]], texts[1]: [texts[1], *SENTENCES[:2]], texts[2]: [texts[2]]}[wanted]
            assert present[row].tolist() == [n < len(expected) for n in range(4)]
            np.testing.assert_array_equal(features[row, : len(expected)].numpy(), letters(expected))
            assert not features[row, len(expected) :].any()


def test_sentences_are_computed_once_however_many_are_asked_for(tmp_path: Path) -> None:
    """Three sentences first, then five: the three are in the catalogue, and they are the same."""
    catalogue, ids = world(tmp_path, [" ".join(SENTENCES)])
    three = Passages(catalogue, LetterTower(), ids, 3)
    tower = LetterTower()
    five = Passages(catalogue, tower, ids, 5)
    assert tower.read == SENTENCES[3:5]
    np.testing.assert_array_equal(five.of(np.array([0]), 6)[0][0, 1:4].numpy(), three.of(np.array([0]), 4)[0][0, 1:].numpy())


def sentences_that_stand_in(records: Any, chances: list[list[float]], rows: list[int]) -> list[list[float]]:
    batch = records.batch(np.array(rows), np.array(chances))
    assert batch.present.all()
    found: list[list[float]] = batch.passages[:, 0].tolist()
    return found


def test_a_share_of_the_articles_is_stood_for_by_one_of_its_first_sentences(tmp_path: Path) -> None:
    """The first chance says whether, the second which: by quarters of four."""
    text = " ".join(SENTENCES)
    catalogue, _ = world(tmp_path, [text])
    records = article_records(catalogue, LetterTower(), TRAINING, sentence_share=0.25)
    chances = [[0.26, 0.0], [0.24, 0.0], [0.24, 0.26], [0.0, 0.51], [0.1, 0.9999]]
    expected = [text, *SENTENCES[:ALONE]]
    np.testing.assert_array_equal(sentences_that_stand_in(records, chances, [0] * 5), letters(expected))


def test_an_article_of_fewer_sentences_has_all_of_them_stand_in_and_one_without_stays_whole(tmp_path: Path) -> None:
    texts = [" ".join(SENTENCES[:2]), "Too short."]
    catalogue, ids = world(tmp_path, texts)
    records = article_records(catalogue, LetterTower(), TRAINING, sentence_share=1.0)
    two, none = (records.ids.index(ids[read_by(ids, catalogue).index(text)]) for text in texts)
    found = sentences_that_stand_in(records, [[0.9, 0.49], [0.9, 0.51], [0.9, 0.99]], [two, two, none])
    np.testing.assert_array_equal(found, letters([*SENTENCES[:2], "Too short."]))


def test_a_sentence_stands_in_alone_and_for_that_batch_only(tmp_path: Path) -> None:
    catalogue, _ = world(tmp_path, [" ".join(SENTENCES)])
    records = article_records(catalogue, LetterTower(passages=4), TRAINING, sentence_share=1.0)
    before = records.batch(np.array([0]))
    augmented = records.batch(np.array([0]), np.array([[0.0, 0.0]]))
    assert augmented.present.tolist() == [[True, False, False, False]]
    np.testing.assert_array_equal(augmented.passages[0].numpy(), [*letters(SENTENCES[:1]), *np.zeros((3, 4))])
    after = records.batch(np.array([0]))
    assert after.present.all()
    torch.testing.assert_close(after.passages, before.passages, rtol=0, atol=0)


def test_without_a_share_chance_changes_nothing(tmp_path: Path) -> None:
    catalogue, _ = world(tmp_path, [" ".join(SENTENCES)])
    records = article_records(catalogue, LetterTower(), TRAINING)
    torch.testing.assert_close(records.batch(np.array([0]), np.zeros((1, 2))).passages, records.batch(np.array([0])).passages)


def test_a_batch_may_be_made_in_parts(tmp_path: Path) -> None:
    """What chance does to a record depends on its own row of chances alone."""
    catalogue, _ = world(tmp_path, [" ".join(SENTENCES[n:]) for n in range(5)])
    records = article_records(catalogue, LetterTower(passages=3), TRAINING, sentence_share=0.5)
    rows, chances = np.array([4, 0, 3, 1, 2]), np.random.default_rng(0).random((5, 2))
    assert (chances[:, 0] < 0.5).any()
    assert (chances[:, 0] >= 0.5).any()
    whole = records.batch(rows, chances)
    for cut in (slice(0, 2), slice(2, 5)):
        part = records.batch(rows[cut], chances[cut])
        torch.testing.assert_close(part.passages, whole.passages[cut], rtol=0, atol=0)
        assert part.present.tolist() == whole.present[cut].tolist()


def test_articles_by_id_come_as_they_are_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    catalogue, ids = world(tmp_path, [" ".join(SENTENCES), "Too short."])
    batch = article_batch(catalogue, LetterTower(passages=3), ids[::-1], [1.0, 2.0], [3.0, 4.0])
    texts = read_by(ids[::-1], catalogue)
    np.testing.assert_array_equal(batch.passages[:, 0].numpy(), letters(texts))
    assert batch.present.sum(dim=1).tolist() == [3 if text != "Too short." else 1 for text in texts]
    assert (batch.lat.tolist(), batch.lon.tolist()) == ([1, 2], [3, 4])


def test_a_query_is_taken_apart_as_an_article_is(tmp_path: Path) -> None:
    texts = [" ".join(SENTENCES), "Too short.", " ".join(SENTENCES[:2])]
    catalogue, ids = world(tmp_path, texts)
    for width in (1, 3, 5):
        asked, present = query_passages(LetterTower(passages=width), read_by(ids, catalogue))
        stored = article_batch(catalogue, LetterTower(passages=width), ids, [0.0] * 3, [0.0] * 3)
        torch.testing.assert_close(asked, stored.passages, rtol=0, atol=0)
        assert present.tolist() == stored.present.tolist()


def test_rows_are_taken_apart_as_the_catalogues_articles_are_and_no_cache_is_filled(tmp_path: Path) -> None:
    """Titles are read with the whole text, not with its sentences; the second text begins with its own."""
    texts = [" ".join(SENTENCES), "Old houses. " + SENTENCES[3], "Too short."]
    titles = ["Lagoon", "Old houses", ""]
    given = [replace(each, title=title) for each, title in zip(some_articles(texts), titles, strict=True)]
    catalogue = fill(tmp_path, given)
    ids = catalogue.column("articles", [])["id"].to_pylist()
    rows = catalogue.rows("articles", ids, ["title", "text"])
    found = {width: row_passages(LetterTower(passages=width), rows) for width in (1, 3)}
    assert catalogue.names() == ["articles"]
    for width, (passages, present) in found.items():
        stored = article_batch(catalogue, LetterTower(passages=width), ids, [0.0] * 3, [0.0] * 3)
        torch.testing.assert_close(passages, stored.passages, rtol=0, atol=0)
        assert present.tolist() == stored.present.tolist()


def test_a_batch_moves_to_another_device_whole() -> None:
    """The meta device stands for an accelerator: every tensor must have gone there."""
    batch = ArticleBatch(torch.ones(2, 1, 4), torch.ones(2, 1, dtype=torch.bool), torch.zeros(2), torch.zeros(2))
    moved = batch.to(torch.device("meta"))
    assert {each.device.type for each in (moved.passages, moved.present, moved.lat, moved.lon)} == {"meta"}
    assert moved.modality == "articles"
