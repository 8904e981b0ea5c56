"""Words in a hashed table: which are read, and what becomes of them, beside a loop over a dictionary."""

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import HashingVectorizer
from torch import Tensor

from train.text.hashed_words import ABSENT, hashed_words
from train.text.word_bag import ENOUGH, WEIGHT_GAIN, WordBag

BITS, DIM = 6, 5


def bag(dropout: float = 0.0, seed: int = 0) -> WordBag:
    """With weights that differ, as after some training."""
    torch.manual_seed(seed)
    built = WordBag(BITS, DIM, dropout, like=16).double()
    with torch.no_grad():
        built.weights.copy_(torch.randn(2**BITS))
    return built.eval()


def ids(*texts: list[int], width: int = 4) -> Tensor:
    return torch.tensor([[*words, *[ABSENT] * (width - len(words))] for words in texts])


def slow(built: WordBag, words: list[int]) -> list[float]:
    """sum_w exp(4 a_w) v_w / (sum_w exp(4 a_w) + 0.05), the exponent held between -8 and 8."""
    summed: dict[int, float] = defaultdict(float)
    total = ENOUGH
    for word in words:
        weight = math.exp(min(8.0, max(-8.0, WEIGHT_GAIN * float(built.weights[word]))))
        total += weight
        for axis in range(DIM):
            summed[axis] += weight * float(built.vectors[word, axis])
    return [summed[axis] / total for axis in range(DIM)]


def words_of(text: str, bits: int = 16, most: int = 32) -> set[int]:
    (row,) = hashed_words([text], bits, most)
    return {int(each) for each in row if each != ABSENT}


def test_a_text_is_the_weighed_mean_of_its_words() -> None:
    built = bag()
    texts = [[3, 17, 40], [63], [], [5, 6, 7, 8], [0]]
    found = built(ids(*texts).double())
    assert found.shape == (5, DIM)
    np.testing.assert_allclose(found.detach().numpy(), [slow(built, words) for words in texts], rtol=1e-9, atol=1e-12)


def test_gradients_are_those_of_the_loop() -> None:
    fast, by_hand, words = bag(), bag(), [3, 17, 40]
    fast(ids(words).double()).square().sum().backward()
    weight = (WEIGHT_GAIN * by_hand.weights[words]).clamp(-8, 8).exp()
    ((weight[:, None] * by_hand.vectors[words]).sum(dim=0) / (weight.sum() + ENOUGH)).square().sum().backward()
    for mine, other in zip(fast.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-9, atol=1e-12)


def test_neither_their_order_nor_where_they_stand_matters() -> None:
    built = bag()
    first = built(torch.tensor([[3.0, 17, 40, ABSENT], [ABSENT, 40, 3, 17]]))
    torch.testing.assert_close(first[0], first[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 4), (3, 4), (2, 3, 4)])
def test_texts_without_any_word_are_zero_and_have_finite_gradients(shape: tuple[int, ...]) -> None:
    built = bag()
    found = built(torch.full(shape, ABSENT))
    assert found.shape == (*shape[:-1], DIM)
    assert not found.any()
    found.sum().backward()
    assert all(each.grad is None or torch.isfinite(each.grad).all() for each in built.parameters())


def test_many_texts_of_many_parts_are_each_for_themselves() -> None:
    built = bag()
    random = np.random.default_rng(4)
    many = torch.from_numpy(np.where(random.random((3, 4, 6)) < 0.5, ABSENT, random.integers(0, 64, (3, 4, 6))))
    found = built(many)
    for n in range(3):
        for part in range(4):
            words = [int(each) for each in many[n, part] if each >= 0]
            np.testing.assert_allclose(found[n, part].detach().numpy(), slow(built, words), rtol=1e-6, atol=1e-9)


def test_a_share_of_the_words_is_not_read_in_training_and_which_depends_on_torchs_seed() -> None:
    built, many = bag(dropout=0.5), torch.arange(60.0)[None]

    def drawn(seed: int) -> Tensor:
        torch.manual_seed(seed)
        found: Tensor = built(many)
        return found

    assert torch.equal(drawn(1), drawn(2)), "not outside of training"
    torch.testing.assert_close(drawn(1)[0], torch.tensor(slow(built, list(range(60))), dtype=torch.float64))
    built.train()
    assert torch.equal(drawn(1), drawn(1))
    assert not torch.allclose(drawn(1), drawn(2))


def test_as_large_a_share_as_was_asked_for() -> None:
    """All vectors one, all weights 1: n words of 60 are left where the mean is n / (n + 0.05)."""
    built = bag(dropout=0.3).train()
    with torch.no_grad():
        built.vectors.fill_(1)
        built.weights.zero_()
    torch.manual_seed(0)
    mean = built(torch.arange(60.0).expand(400, -1))[:, 0]
    left = ENOUGH * mean / (1 - mean)
    assert float(left.mean()) / 60 == pytest.approx(0.7, abs=0.02)


# Words


def test_a_word_has_one_id_and_words_that_differ_seldom_share_one() -> None:
    assert words_of("Vienna Danube") == words_of("Vienna") | words_of("Danube")
    assert len(words_of("one two three four five six seven eight nine ten")) == 10


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("São Paulo", "sao paulo"),
        ("HAJDÚSZOBOSZLÓ", "hajduszoboszlo"),
        ("Rio, de: Janeiro!", "janeiro rio de"),
        ("the the the sea", "sea the"),
        ("a b c sea", "sea"),  # one letter is no word
        ("Cafe\u0301", "café"),  # composed or not
    ],
)
def test_case_accents_order_and_repetition_do_not_count(text: str, same: str) -> None:
    assert words_of(text) == words_of(same)


def test_other_scripts_are_words_too() -> None:
    assert len(words_of("Москва столица") | words_of("北京 首都") | words_of("القاهرة")) == 5


@pytest.mark.parametrize("text", ["", "   ", "a . !", "🙂"])
def test_a_text_without_words_has_none(text: str) -> None:
    assert words_of(text) == set()


def test_ids_fill_a_row_from_the_left_and_of_too_many_words_the_first_are_read() -> None:
    text = " ".join(f"word{n}" for n in range(50))
    rows = hashed_words([text, "word7 word8", text], 16, 10)
    assert rows.shape == (3, 10)
    assert rows.dtype == np.float32
    assert (rows[0] >= 0).all()
    assert len(set(rows[0].tolist())) == 10
    np.testing.assert_array_equal(rows[0], rows[2])
    assert set(rows[0].tolist()) < words_of(text, most=50)
    assert (rows[1, :2] >= 0).all()
    assert (rows[1, 2:] == ABSENT).all()


def test_of_a_long_text_the_first_words_are_read_and_a_word_that_returns_counts_once() -> None:
    text = "Zwettl Stift " + " ".join(f"word{n} Zwettl" for n in range(300))
    (row,) = hashed_words([text], 22, 12)
    (beginning,) = hashed_words(["zwettl stift " + " ".join(f"word{n}" for n in range(10))], 22, 12)
    np.testing.assert_array_equal(row, beginning)


@pytest.mark.parametrize("bits", [4, 16, 22])
def test_ids_are_those_of_scikit_learns_hashing(bits: int) -> None:
    """The shipped model learnt with them."""
    hasher = HashingVectorizer(
        n_features=2**bits, alternate_sign=False, norm=None, binary=True, strip_accents="unicode", token_pattern=r"(?u)\b\w\w+\b"
    )
    texts = ["Château d'Éz, Ærø", "Москва 北京 القاهرة 12 a", " ".join(f"name{n}" for n in range(500))]
    for text, row in zip(texts, hashed_words(texts, bits, 600), strict=True):
        assert {int(each) for each in row if each != ABSENT} == set(hasher.transform([text]).indices.tolist())


@pytest.mark.parametrize("bits", [4, 16, 22])
def test_every_id_is_a_row_of_the_table_and_exact_in_float32(bits: int) -> None:
    found = hashed_words([" ".join(f"name{n}" for n in range(400))], bits, 400)[0]
    there: Any = found[found >= 0]
    assert 0 <= there.min() <= there.max() < 2**bits
    np.testing.assert_array_equal(there, there.astype(np.int64).astype(np.float32))
