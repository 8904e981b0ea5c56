"""Articles without their names in a batch; and a text of one sentence has no passages, wherever it is taken apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index.errors import MissingExtraError
from tests.train.small_worlds import LetterTower, article, fill
from train.data import TRAINING
from train.text import articles as module
from train.text.articles import TELLING_WORDS, article_batch, article_records, query_passages, row_passages

LONG = "Zoom is a town on a river. " + "The houses are old and made of stone, and boats lie in the harbour below them. " * 2
SHORT = "Zoom is a town on a river below the hills."


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A rule that is easy to follow by hand; the real one has tests of its own."""
    monkeypatch.setattr(module, "mask_names", lambda text, title: text.replace(title, "eee"))


def records_of(folder: Path, **shares: float) -> tuple[Any, int, int]:
    assert len(LONG.split()) >= TELLING_WORDS > len(SHORT.split())
    catalogue = fill(folder / "c", [article(LONG, 1, 2, title="Zoom"), article(SHORT, 3, 4, title="Zoom")])
    records = article_records(catalogue, LetterTower(), TRAINING, **shares)
    texts = catalogue.rows("articles", records.ids, ["text"])["text"].to_pylist()
    return records, texts.index(LONG), texts.index(SHORT)


def test_masked_rows_are_those_of_the_upper_chances_and_short_texts_never(tmp_path: Path, masked: Any) -> None:
    records, long, short = records_of(tmp_path, masked_share=0.25)
    found = records.batch(np.array([long, long, short]), np.array([[0.74, 0.5], [0.75, 0.5], [0.99, 0.5]])).passages[:, 0]
    expected = LetterTower().features([LONG, LONG.replace("Zoom", "eee"), SHORT])
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(records.batch(np.array([long])).passages[0, 0].numpy(), expected[0], "not without chances")


def test_sentences_and_masked_texts_stand_in_for_different_rows(tmp_path: Path, masked: Any) -> None:
    records, long, _ = records_of(tmp_path, masked_share=0.5, sentence_share=0.5)
    lengths = records.batch(np.array([long] * 2), np.array([[0.49, 0.999], [0.5, 0.999]])).passages[:, 0, 0].tolist()
    assert lengths[0] < len(LONG) - 60
    assert lengths[1] == len(LONG) - 1, "four letters became three"


def test_without_the_extra_the_remedy_is_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(text: str, title: str) -> str:
        raise MissingExtraError("pip install 'placebind[demo]'")

    monkeypatch.setattr(module, "mask_names", missing)
    with pytest.raises(MissingExtraError, match="demo"):
        records_of(tmp_path, masked_share=0.5)


def test_a_text_of_one_sentence_has_no_parts_in_training_in_the_index_and_in_a_question(tmp_path: Path) -> None:
    catalogue, tower = fill(tmp_path / "c", [article(SHORT, 3, 4, title="Elsewhere")]), LetterTower(passages=3)
    ids = catalogue.column("articles", [])["id"].to_pylist()
    stored = article_batch(catalogue, tower, ids, [3.0], [4.0])
    passages, present = row_passages(tower, catalogue.rows("articles", ids, ["title", "text"]))
    assert stored.present.tolist() == present.tolist() == query_passages(tower, [SHORT])[1].tolist() == [[True, False, False]]
    torch.testing.assert_close(passages, stored.passages, rtol=0, atol=0)
