"""Every encoder of every registry is what those who use it take it for."""

import inspect
from typing import Any, get_type_hints

import pytest
import torch

from index.registry import load, names
from train.protocols import FrozenImageEncoder, ImageEncoder, LocationEncoder, TextEncoder

LOCATION, TEXT, IMAGE = "train.encoders.location", "train.encoders.text", "train.encoders.image"
PROTOCOLS: dict[str, Any] = {LOCATION: LocationEncoder, TEXT: TextEncoder, IMAGE: ImageEncoder}
EVERY = [(package, name) for package in PROTOCOLS for name in names(package)]
WANT_A_FILE = {(TEXT, "open_clip"), (TEXT, "sentence_transformers")}  # to be built at all


def parameters(of: Any) -> list[str]:
    return [name for name in inspect.signature(of).parameters if name != "self"]


@pytest.mark.parametrize(("package", "name"), EVERY)
def test_its_methods_take_what_the_protocol_says(package: str, name: str) -> None:
    protocol, built = PROTOCOLS[package], get_type_hints(load(package, name).build)["return"]
    context = ["context"] if getattr(built, "reads_context", False) else []
    assert parameters(built.forward) == [*parameters(protocol.__call__), *context]
    members = {name: member for base in reversed(protocol.__mro__) for name, member in vars(base).items()}
    of_torch = vars(torch.nn.Module)
    methods = [name for name, member in members.items() if inspect.isfunction(member) and name[0] != "_" and name not in of_torch]
    assert methods
    for method in methods:
        assert parameters(getattr(built, method)) == parameters(getattr(protocol, method))


@pytest.mark.parametrize(("package", "name"), [each for each in EVERY if each not in WANT_A_FILE])
def test_it_has_all_that_the_protocol_says_and_is_of_no_other_modality(package: str, name: str) -> None:
    component = load(package, name)
    encoder = component.build(**({"tune": "full"} if "tune" in component.Options.model_fields else {}))
    assert [kind for kind, protocol in PROTOCOLS.items() if isinstance(encoder, protocol)] == [package]


def test_a_multispectral_tower_has_nothing_frozen() -> None:
    assert not isinstance(load(IMAGE, "multispectral").build(), FrozenImageEncoder)
