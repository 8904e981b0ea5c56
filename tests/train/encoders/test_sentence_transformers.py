"""The tower over any sentence-transformers model, on an invented one of two layers: its features, its key, what it refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index.errors import CheckpointError
from train.encoders.text import sentence_transformers as module
from train.encoders.text.sentence_transformers import SentenceTransformerTower

WORDS = "a the river port volcano lake town of on with query".split()  # noqa: SIM905
TEXTS = ["the port of a town on a river", "a volcano with a lake", "town", "the the the lake"]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder: a random BERT that knows eleven words, and mean pooling. Copy it before you change it."""
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    bert = BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=16, initializer_range=0.5, **sizes))
    plain, folder = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("model")
    bert.save_pretrained(plain)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=16, **special).save_pretrained(plain)
    SentenceTransformer(str(plain), device="cpu").save_pretrained(str(folder))
    return folder


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    shutil.copytree(model, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="session")
def tower(model: Path) -> SentenceTransformerTower:
    return module.build(model=str(model), dim=6).eval()


def other_weights(folder: Path) -> None:
    """The same network with one number changed."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][5, 0] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def pickle_weights(folder: Path) -> None:
    """As models were saved before there was safetensors."""
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


# Features


def test_features_are_the_mean_over_the_words_of_unit_norm(tower: SentenceTransformerTower, model: Path) -> None:
    from transformers import BertModel

    bert = BertModel.from_pretrained(model).eval()
    for text, found in zip(TEXTS, tower.features(TEXTS), strict=True):
        ids = [2, *(4 + WORDS.index(word) for word in text.split()), 3]
        with torch.no_grad():
            mean = bert(torch.tensor([ids])).last_hidden_state[0].mean(dim=0).numpy()
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)
        assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_the_dimension_is_the_models(tower: SentenceTransformerTower) -> None:
    assert tower.feature_dim == 16
    assert tower.features(TEXTS).shape == (4, 16)
    assert tower.features(TEXTS).dtype == np.float32
    assert tower.features([]).shape == (0, 16)
    assert tower(torch.randn(2, 1, 16), torch.ones(2, 1, dtype=torch.bool)).shape == (2, 6)


def test_neither_order_nor_company_changes_the_features_of_a_text(tower: SentenceTransformerTower) -> None:
    together = tower.features(TEXTS)
    assert (tower.features(TEXTS[::-1])[::-1] * together).sum(axis=1).min() > 0.999
    assert float(tower.features(TEXTS[2:3])[0] @ together[2]) > 0.999


def test_a_prompt_stands_before_every_text(tower: SentenceTransformerTower, model: Path) -> None:
    prompted = module.build(model=str(model), prompt="query ")
    expected = tower.features([f"query {text}" for text in TEXTS])
    assert (prompted.features(TEXTS) * expected).sum(axis=1).min() > 0.999
    assert (prompted.features(TEXTS) * tower.features(TEXTS)).sum(axis=1).min() < 0.99


def test_only_the_head_is_trained_and_saved(tower: SentenceTransformerTower) -> None:
    tower.features(TEXTS)
    assert {name.split(".")[0] for name, _ in tower.named_parameters()} == {"skip", "head"}
    assert {name.split(".")[0] for name in tower.state_dict()} == {"skip", "head", "file_sha256"}


# The key


def test_the_key_goes_with_the_model_wherever_its_folder_lies(tower: SentenceTransformerTower, copy: Path) -> None:
    assert module.build(model=str(copy)).feature_key == tower.feature_key
    assert tower.feature_key.startswith("sentence_transformers_")
    assert tower.feature_key.replace("_", "").isalnum(), "it becomes the name of a table"


@pytest.mark.parametrize("change", ["weights", "pooling", "prompt"])
def test_the_key_changes_with_all_that_changes_the_features(change: str, tower: SentenceTransformerTower, copy: Path) -> None:
    if change == "weights":
        other_weights(copy)
    if change == "pooling":
        config = copy / "1_Pooling" / "config.json"
        changed = config.read_text().replace('"mean"', '"cls"')
        assert changed != config.read_text()
        config.write_text(changed)
    changed_tower = module.build(model=str(copy), prompt="query " if change == "prompt" else "")
    assert changed_tower.feature_key != tower.feature_key
    assert (changed_tower.features(TEXTS) * tower.features(TEXTS)).sum(axis=1).min() < 0.999


def test_what_is_not_read_does_not_change_the_key(tower: SentenceTransformerTower, copy: Path) -> None:
    (copy / "README.md").write_text("another one")
    for folder in (".cache", "onnx", "openvino"):
        (copy / folder).mkdir()
        (copy / folder / "config.json").write_text("{}")
    (copy / "openvino" / "pytorch_model.bin").write_bytes(b"the same model for another program")
    assert module.build(model=str(copy)).feature_key == tower.feature_key


def test_a_trained_head_refuses_another_backbone(tower: SentenceTransformerTower, copy: Path) -> None:
    fresh = module.build(model=str(copy), dim=6)
    fresh.load_pretrained()
    trained = fresh.state_dict()
    again = module.build(model=str(copy), dim=6)
    again.load_state_dict(trained)
    np.testing.assert_array_equal(again.features(TEXTS), fresh.features(TEXTS))
    other_weights(copy)
    other = module.build(model=str(copy), dim=6)
    other.load_state_dict(trained)
    assert other.feature_key == fresh.feature_key, "features cached for the trained head stay good"
    with pytest.raises(CheckpointError, match=r"was trained on features of [0-9a-f]{8}….*put those files"):
        other.features(TEXTS)


# What is refused


def test_pickled_weights_are_refused_with_the_remedy(copy: Path) -> None:
    pickle_weights(copy)
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin has no safetensors.*save_pretrained") as refused:
        module.build(model=str(copy))
    assert "\n" not in str(refused.value)


def test_pickled_weights_of_a_later_layer_are_refused_too(copy: Path) -> None:
    dense = copy / "2_Dense"
    dense.mkdir()
    (dense / "config.json").write_text(json.dumps({"in_features": 16, "out_features": 4, "bias": False}))
    torch.save({"linear.weight": torch.zeros(4, 16)}, dense / "pytorch_model.bin")
    modules = json.loads((copy / "modules.json").read_text())
    layer = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    (copy / "modules.json").write_text(json.dumps([*modules, layer]))
    with pytest.raises(CheckpointError, match=r"2_Dense/pytorch_model\.bin"):
        module.build(model=str(copy))


def test_beside_safetensors_a_pickle_is_left_unread(tower: SentenceTransformerTower, copy: Path) -> None:
    (copy / "pytorch_model.bin").write_bytes(b"not even a pickle")
    assert module.build(model=str(copy)).feature_key == tower.feature_key


def test_code_that_comes_with_a_model_is_not_run(copy: Path) -> None:
    ran = copy / "ran"
    (copy / "guest.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Guest: pass\n")
    modules = json.loads((copy / "modules.json").read_text())
    guest = {"idx": 2, "name": "2", "path": "", "type": "guest.Guest"}
    (copy / "modules.json").write_text(json.dumps([*modules, guest]))
    with pytest.raises(CheckpointError, match=r"is not a readable sentence-transformers model"):
        module.build(model=str(copy))
    assert not ran.exists()


@pytest.mark.parametrize("damage", ["cut weights", "no config", "empty folder"])
def test_a_damaged_model_is_refused_in_one_line(damage: str, copy: Path) -> None:
    if damage == "cut weights":
        (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:500])
    elif damage == "no config":
        (copy / "config.json").unlink()
    else:
        shutil.rmtree(copy)
        copy.mkdir()
    with pytest.raises(CheckpointError) as refused:
        module.build(model=str(copy))
    assert "\n" not in str(refused.value)
    assert str(copy) in str(refused.value)


@pytest.mark.parametrize("name", ["sentence-transformers/all-mpnet-base-v2", "./no/such/folder", "/no/such/folder"])
def test_a_name_that_cannot_be_fetched_is_refused_with_the_remedy(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"is not a folder.*give its path") as refused:
        module.build(model=name)
    assert "\n" not in str(refused.value)
    assert name in str(refused.value)
