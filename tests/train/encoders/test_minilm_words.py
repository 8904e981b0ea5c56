"""MiniLM beside a table of words: the same tower otherwise, and what differs is what words there are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from index.store.catalogue import Catalogue
from tests.train.small_worlds import article, fill, tiny_config
from train.checkpoint import MODEL_FILE
from train.encoders.text import minilm as plain
from train.encoders.text import minilm_words as module
from train.encoders.text.minilm_words import MiniLMWords
from train.loop import train
from train.text.articles import article_batch, cached_features, query_passages
from train.text.hashed_words import ABSENT, hashed_words

TEXTS = ["Hajdúszoboszló is a town with hot springs.", "A volcano above a lake, quiet since 1902.", "x"]
SMALL = {"bits": 8, "words": 12, "word_dim": 6, "hidden": 16, "dim": 5}


def build(**options: Any) -> MiniLMWords:
    torch.manual_seed(0)
    return module.build(**{**SMALL, **options}).eval()


def invented(count: int = 3, passages: int = 1) -> tuple[Tensor, Tensor]:
    """Passages with words, all there."""
    random = torch.Generator().manual_seed(2)
    words = torch.randint(0, 256, (count, passages, 12), generator=random).float()
    words[..., 9:] = ABSENT
    meaning = torch.nn.functional.normalize(torch.randn(count, passages, 384, generator=random), dim=-1)
    return torch.cat([meaning, words], dim=-1), torch.ones(count, passages, dtype=torch.bool)


def test_features_are_those_of_minilm_and_then_the_ids_of_the_words() -> None:
    features = build().features(TEXTS)
    assert features.shape == (3, build().feature_dim) == (3, 396)
    np.testing.assert_array_equal(features[:, :384], plain.build(dim=5).features(TEXTS))
    np.testing.assert_array_equal(features[:, 384:], hashed_words(TEXTS, 8, 12))


def test_no_texts_have_no_features_of_the_right_size() -> None:
    assert build().features([]).shape == (0, build().feature_dim)
    passages, present = query_passages(build(), [])
    assert (passages.shape, present.shape) == ((0, 1, 396), (0, 1))


def test_features_of_other_tables_are_kept_apart_from_each_other_and_from_minilms() -> None:
    keys = {tower.feature_key for tower in (build(), build(bits=9), build(words=13), plain.build(dim=5))}
    assert len(keys) == 4
    assert build(dim=7, word_dim=9).feature_key == build().feature_key, "what is learnt changes no feature"


def test_features_come_back_from_the_catalogue_to_the_last_bit(tmp_path: Path) -> None:
    """Ids too: in half precision they would be of other words."""
    tower = build(bits=22, words=20)
    catalogue = fill(tmp_path / "c", [article(text, 10.0 * n, 0.0) for n, text in enumerate(TEXTS)])
    ids = catalogue.column("articles", [])["id"].to_pylist()
    made = cached_features(catalogue, tower, ids)
    np.testing.assert_array_equal(cached_features(Catalogue.open(tmp_path / "c"), tower, ids), made)
    texts = catalogue.rows("articles", ids, ["text"])["text"].to_pylist()
    np.testing.assert_array_equal(made[:, 384:], hashed_words(texts, 22, 20))
    assert made[:, 384:].max() > 2**16


@pytest.mark.parametrize(("options", "passages"), [({}, 1), ({"pool": "attention", "sentences": 3}, 4)])
def test_parts_become_dim_numbers_and_all_that_is_read_is_learnt(options: dict[str, Any], passages: int) -> None:
    tower = build(**options)
    assert tower.passages == passages
    given, present = invented(passages=passages)
    out = tower(given, present)
    assert out.shape == (3, 5)
    out.square().sum().backward()
    for learnt in (tower.bag.vectors, tower.bag.weights, tower.skip.weight):
        assert learnt.grad is not None
        assert learnt.grad.abs().max() > 0
    read = {int(each) for each in given[..., 384:].flatten() if each >= 0} if passages == 1 else set()
    rows = torch.nonzero(tower.bag.vectors.grad.abs().sum(dim=1)).flatten().tolist()
    assert passages > 1 or set(rows) == read


@pytest.mark.parametrize("pool", ["whole", "attention"])
def test_order_of_the_words_does_not_matter_and_which_they_are_does(pool: str) -> None:
    tower, (given, present) = build(pool=pool), invented()
    turned, other = given.clone(), given.clone()
    turned[..., 384:] = given[..., 384:].flip(-1)
    other[..., 384] = (other[..., 384] + 1) % 256
    torch.testing.assert_close(tower(turned, present), tower(given, present), rtol=1e-5, atol=1e-6)
    assert (tower(other, present) - tower(given, present)).abs().max() > 1e-3


def test_absent_parts_are_not_read() -> None:
    tower, (given, present) = build(pool="attention", sentences=3), invented(passages=4)
    with torch.no_grad():
        torch.nn.init.normal_(tower.attention.attend.out_proj.weight)  # it starts deaf for sentences
    present[:, 2:] = False
    other = given.clone()
    other[:, 2:] = 7.0
    assert torch.equal(tower(other, present), tower(given, present))
    other[:, 1, 384:] = 7.0
    assert not torch.allclose(tower(other, present), tower(given, present))
    assert torch.equal(build()(given, present), build()(given[:, :1], present[:, :1])), "of the whole only, part 0"


def test_a_text_without_words_has_a_finite_vector() -> None:
    tower = build()
    passages, present = query_passages(tower, ["", "?"])
    assert (passages[..., 384:] == ABSENT).all()
    assert torch.isfinite(tower(passages, present)).all()


def test_words_are_left_out_in_training_only_and_by_torchs_seed() -> None:
    tower, given = build(dropout=0, word_dropout=0.5), invented()
    assert torch.equal(tower(*given), tower(*given))
    tower.train()
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(tower(*given))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.allclose(drawn[0], drawn[2])


def test_a_run_with_it_learns_names_and_its_model_answers_as_it_did(tmp_path: Path) -> None:
    """Sentences alike but for a name: what tells the two places apart is the word."""
    far = {"Abrakabra": (60.0, 30.0), "Xylofonia": (-30.0, -60.0)}
    articles = [article(f"{name} is a town. Number {n}.", lat + n / 4, lon) for name, (lat, lon) in far.items() for n in range(6)]
    catalogue = fill(tmp_path / "c", articles)
    options = {key: value for key, value in SMALL.items() if key != "dim"}
    config = tiny_config(
        text={"name": "minilm_words", "options": options},
        steps=60,
        learning_rate=0.01,
        modalities=("articles",),
        sentence_share=0.0,
    )
    result = train(config, catalogue, tmp_path / "run")
    losses = [row["articles"] for row in result.history]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    tower = result.checkpoint.encoder("articles", torch.device("cpu"))
    locations = result.checkpoint.encoder("locations", torch.device("cpu"))
    places = torch.nn.functional.normalize(locations(*torch.tensor(list(far.values())).double().T), dim=1)
    said = torch.nn.functional.normalize(tower(*query_passages(tower, list(far))), dim=1)
    assert (said @ places.T).argmax(dim=1).tolist() == [0, 1]
    assert "encoders.articles.bag.vectors" in load_file(tmp_path / "run" / MODEL_FILE)
    ids = catalogue.column("articles", [])["id"].to_pylist()
    batch = article_batch(catalogue, tower, ids[:2], [0.0] * 2, [0.0] * 2)
    texts = [f"{row['text']}" for row in catalogue.rows("articles", ids[:2], ["text"]).to_pylist()]
    torch.testing.assert_close(batch.encode(tower), tower(*query_passages(tower, texts)), rtol=1e-5, atol=1e-5)
