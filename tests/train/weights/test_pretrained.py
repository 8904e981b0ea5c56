"""Weights of others: every usual form of file is read, none is run, and what does not fit is refused in one line."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from index.errors import CheckpointError
from train.weights.pretrained import copy_weights, names_a_file, read_weights, weights_sha256

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def same(found: dict[str, torch.Tensor]) -> bool:
    return set(found) == set(WEIGHTS) and all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)


def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    assert same(read_weights(tmp_path / "w.safetensors"))


@pytest.mark.parametrize(
    "wrapped",
    [
        WEIGHTS,
        {"state_dict": WEIGHTS, "epoch": 3},
        {"model": WEIGHTS, "optimizer": {"lr": 0.1}},
        {"state_dict": {f"module.{name}": tensor for name, tensor in WEIGHTS.items()}},
    ],
)
def test_a_file_of_pytorch_is_read_however_the_training_script_wrapped_it(tmp_path: Path, wrapped: object) -> None:
    torch.save(wrapped, tmp_path / "w.pth")
    assert same(read_weights(tmp_path / "w.pth"))


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (os.environ["TRAP"],)


def test_a_file_with_code_in_it_is_refused_and_the_code_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    torch.save({"a.weight": Trap()}, tmp_path / "w.pth")
    (tmp_path / "old.pt").write_bytes(pickle.dumps({"a.weight": Trap()}, protocol=2))
    for name in ("w.pth", "old.pt"):
        with pytest.raises(CheckpointError, match=r"cannot be read as weights") as refused:
            read_weights(tmp_path / name)
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.bin"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x00" * 100, b"PK\x03\x04 and then nothing"])
def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        read_weights(tmp_path / name)


@pytest.mark.parametrize("content", [[1, 2], {"a.weight": 3}, torch.ones(2)])
def test_a_file_of_pytorch_without_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="is not a state dict"):
        read_weights(tmp_path / "w.pth")


def test_a_missing_file_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.pth"):
        read_weights(tmp_path / "nowhere.pth")
    with pytest.raises(CheckpointError, match=r"nowhere\.pth"):
        weights_sha256(tmp_path / "nowhere.pth")


def test_weights_are_copied_in_place_into_tensors_of_any_precision() -> None:
    target = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}
    tensors = dict(target)
    copy_weights(target, {name: tensor.half() for name, tensor in WEIGHTS.items()}, Path("w.pth"))
    assert same(target)
    assert all(target[name] is tensors[name] for name in target)


def test_an_optional_tensor_may_be_missing_and_stays_as_it_was() -> None:
    target = {"a.weight": torch.zeros(2, 3), "a.bias": torch.full((2,), 7.0)}
    copy_weights(target, {"a.weight": WEIGHTS["a.weight"]}, Path("w.pth"), optional=frozenset({"a.bias"}))
    assert torch.equal(target["a.weight"], WEIGHTS["a.weight"])
    assert target["a.bias"].tolist() == [7.0, 7.0]


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ({"a.weight": torch.ones(2, 3)}, r"lacks 1 of the network's 2 tensors, for example a\.bias"),
        ({**WEIGHTS, "b.weight": torch.ones(1)}, r"holds 1 tensors that the network does not have, for example b\.weight"),
        ({**WEIGHTS, "a.weight": torch.ones(3, 2)}, r"a\.weight of shape \(3, 2\), expected \(2, 3\)"),
        ({}, "lacks 2"),
    ],
)
def test_weights_of_another_network_are_refused_and_nothing_is_copied(found: dict[str, torch.Tensor], problem: str) -> None:
    target = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}
    with pytest.raises(CheckpointError, match=rf"w\.pth.*{problem}") as refused:
        copy_weights(target, found, Path("w.pth"))
    assert "\n" not in str(refused.value)
    assert all(not tensor.any() for tensor in target.values())


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """SHA-256 of 'abc', from FIPS 180-2."""
    (tmp_path / "w.pth").write_bytes(b"abc")
    assert weights_sha256(tmp_path / "w.pth") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("weights", "is_file"),
    [("a.pth", True), ("/x/b.safetensors", True), ("laion2b_s34b_b79k", False), ("ResNet18_Weights.SENTINEL2_ALL_MOCO", False)],
)
def test_a_path_is_told_from_a_published_name(weights: str, is_file: bool) -> None:
    assert names_a_file(weights) is is_file
