"""The text tower over open_clip models, on an invented tiny one whose weights lie in a file: nothing is fetched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from index.errors import CheckpointError, ConfigError
from train.encoders.text import open_clip as module
from train.encoders.text.open_clip import OpenClipText

MODEL = "placebind-tiny"
TEXTS = ["a satellite photo of a harbour", "a volcano with a crater lake", "Köppen Dfc", "x"]


@pytest.fixture(scope="module", autouse=True)
def _tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """open_clip knows a tiny model, and the same with QuickGELU, while these tests run."""
    import open_clip.factory

    folder = tmp_path_factory.mktemp("configs")
    vision = {"image_size": 32, "patch_size": 16, "layers": 1, "width": 16, "head_width": 8}
    text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
    config = {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}
    (folder / f"{MODEL}.json").write_text(json.dumps(config))
    (folder / f"{MODEL}-quickgelu.json").write_text(json.dumps(config | {"quick_gelu": True}))
    before = dict(open_clip.factory._MODEL_CONFIGS)
    open_clip.add_model_config(folder)
    yield
    open_clip.factory._MODEL_CONFIG_PATHS.remove(folder)
    open_clip.factory._MODEL_CONFIGS = before


def save_weights(path: Path, seed: int = 0) -> Path:
    """The weights of a tiny CLIP, larger than it is born with so that every layer matters."""
    import open_clip
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    weights = {
        name: 3 * tensor if tensor.ndim > 1 else tensor for name, tensor in open_clip.create_model(MODEL).state_dict().items()
    }
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save({"state_dict": weights}, path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, _tiny_models: None) -> Path:
    return save_weights(tmp_path_factory.mktemp("weights") / "clip.safetensors")


@pytest.fixture(scope="module")
def tower(weights: Path) -> OpenClipText:
    return module.build(model=MODEL, weights=str(weights), dim=6).eval()


def reference(model: str, weights: Path) -> Any:
    """What open_clip itself gives in float32."""
    import open_clip

    network, tokenize = open_clip.create_model(model, str(weights)).eval(), open_clip.get_tokenizer(model)
    with torch.no_grad():
        return F.normalize(network.encode_text(tokenize(TEXTS)), dim=-1).numpy()


# Features


def test_features_are_open_clips_of_unit_norm(tower: OpenClipText, weights: Path) -> None:
    found = tower.features(TEXTS)
    assert (found.shape, found.dtype) == ((4, 8), np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(found, reference(MODEL, weights), atol=1e-6)
    assert tower.features([]).shape == (0, 8)


def test_neither_order_nor_company_changes_the_features_of_a_text(tower: OpenClipText, monkeypatch: pytest.MonkeyPatch) -> None:
    together = tower.features(TEXTS)
    monkeypatch.setattr(module, "BATCH", 3)
    np.testing.assert_allclose(tower.features(TEXTS[::-1])[::-1], together, atol=1e-6)


def test_a_text_is_read_up_to_77_tokens_two_of_which_are_its_ends(tower: OpenClipText) -> None:
    features = tower.features(["river " * 75, "river " * 75 + "volcano", "river " * 74 + "volcano"])
    np.testing.assert_allclose(features[1], features[0], atol=1e-6)
    assert np.abs(features[2] - features[0]).max() > 1e-4


def test_weights_saved_by_pytorch_give_the_same(tower: OpenClipText, tmp_path: Path) -> None:
    other = module.build(model=MODEL, weights=str(save_weights(tmp_path / "clip.pt")))
    np.testing.assert_array_equal(other.features(TEXTS), tower.features(TEXTS))


def test_published_weights_are_run_with_the_activation_that_they_were_trained_with(
    tower: OpenClipText, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip.pretrained

    tags = {MODEL: {"invented": {"file": str(weights), "quick_gelu": True}}}
    monkeypatch.setattr(open_clip.pretrained, "_PRETRAINED", open_clip.pretrained._PRETRAINED | tags)
    tagged = module.build(model=MODEL, weights="invented")
    expected = reference(f"{MODEL}-quickgelu", weights)
    np.testing.assert_allclose(tagged.features(TEXTS), expected, atol=1e-6)
    assert np.abs(tower.features(TEXTS) - expected).max() > 1e-3
    assert tagged.feature_key != tower.feature_key


def test_only_the_head_is_trained_and_saved(tower: OpenClipText) -> None:
    tower.features(TEXTS)
    assert {name.split(".")[0] for name, _ in tower.named_parameters()} == {"skip", "head"}
    assert {name.split(".")[0] for name in tower.state_dict()} == {"skip", "head", "file_sha256"}
    assert tower(torch.randn(2, 1, 8), torch.ones(2, 1, dtype=torch.bool)).shape == (2, 6)


# The file


def test_building_reads_no_file_and_names_the_dimension() -> None:
    tower = module.build(model=MODEL, weights="/no/such/clip.safetensors")
    assert tower.feature_dim == 8
    assert tower.passages == 1
    for need in (tower.load_pretrained, lambda: tower.feature_key, lambda: tower.features(TEXTS)):
        with pytest.raises(CheckpointError, match=r"no pretrained weights at /no/such/clip\.safetensors"):
            need()


def test_the_key_goes_with_the_weights_and_the_model_not_with_the_path(tower: OpenClipText, weights: Path, tmp_path: Path) -> None:
    moved, other = tmp_path / "moved.safetensors", save_weights(tmp_path / "other.safetensors", seed=1)
    moved.write_bytes(weights.read_bytes())
    assert module.build(model=MODEL, weights=str(moved)).feature_key == tower.feature_key
    keys = {
        tower.feature_key,
        module.build(model=MODEL, weights=str(other)).feature_key,
        module.build(model=f"{MODEL}-quickgelu", weights=str(weights)).feature_key,
    }
    assert len(keys) == 3
    assert all(key.startswith(f"open_clip_text_{MODEL}") for key in keys)
    assert all(key.replace("_", "").replace("-", "").isalnum() for key in keys), "they become names of tables"


def test_a_trained_head_knows_its_key_without_the_file_and_refuses_another(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.safetensors"
    path.write_bytes(weights.read_bytes())
    fresh = module.build(model=MODEL, weights=str(path), dim=6)
    fresh.load_pretrained()
    opened = module.build(model=MODEL, weights=str(path), dim=6)
    path.unlink()
    opened.load_state_dict(fresh.state_dict())
    assert opened.feature_key == fresh.feature_key
    save_weights(path, seed=1)
    with pytest.raises(CheckpointError, match=r"was trained on features of [0-9a-f]{8}….*put those files"):
        opened.features(TEXTS)


@pytest.mark.parametrize("content", ["another model", "no weights", "code"])
def test_a_file_of_anything_else_is_refused_in_one_line(content: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / ("clip.pt" if content == "code" else "clip.safetensors")
    if content == "another model":
        save_file({"linear.weight": torch.zeros(2, 2)}, path)
    elif content == "no weights":
        path.write_bytes(b"<html>404</html>")
    else:
        torch.save({"state_dict": Path("/a/class/that/would/be/built")}, path)
    with pytest.raises(CheckpointError, match=rf"cannot be read as weights of open_clip's {MODEL}") as refused:
        module.build(model=MODEL, weights=str(path)).features(TEXTS)
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)


# Options


def test_an_unknown_model_names_some_that_are_like_it() -> None:
    with pytest.raises(ConfigError, match=r"no model 'ViT-B-33'; take for example .*ViT-B-32"):
        module.build(model="ViT-B-33", weights="laion2b_s34b_b79k")


def test_unknown_weights_name_some_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no weights 'laion' of ViT-B-32 \(it has for example: openai"):
        module.build(model="ViT-B-32", weights="laion")
    with pytest.raises(ConfigError, match=r"it has for example: none"):
        module.build(model=MODEL, weights="openai")


def test_weights_must_be_named_because_random_ones_know_no_word() -> None:
    with pytest.raises(ConfigError, match="open_clip: weights: Field required"):
        module.build(model=MODEL)


def test_published_weights_that_cannot_be_fetched_are_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    tower = module.build(model="ViT-B-32", weights="laion2b_s34b_b79k")
    with pytest.raises(CheckpointError, match=r"laion2b_s34b_b79k cannot be fetched.*give its path as `weights`") as refused:
        tower.features(TEXTS)
    assert "\n" not in str(refused.value)
