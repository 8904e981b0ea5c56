"""Tiny image towers with files of weights in the published names, as the tests of the towers need them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from index.registry import load
from train.weights.torchvision_cpu import tolerate_missing_operators

CLIP_NAME = "placebind-tiny"
CLIP_CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 3, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1},
}
MODES = ("head", "partial", "lora", "full")


@cache
def register_tiny_clip(folder: Path) -> str:
    """Make open_clip know a tiny CLIP by name."""
    tolerate_missing_operators()
    import open_clip

    (folder / f"{CLIP_NAME}.json").write_text(json.dumps(CLIP_CONFIG))
    open_clip.add_model_config(folder / f"{CLIP_NAME}.json")
    return CLIP_NAME


def clip_with_weights(folder: Path, seed: int = 7) -> tuple[Any, Path]:
    """(open_clip's model, the file of its weights)."""
    name = register_tiny_clip(folder)
    import open_clip

    torch.manual_seed(seed)
    model = open_clip.create_model(name).eval()
    path = folder / f"clip-{seed}.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return model, path


def timm_with_weights(folder: Path, name: str, seed: int = 7, suffix: str = ".pth", **options: Any) -> tuple[Any, Path]:
    """(timm's network, the file of its weights), its classifier included."""
    tolerate_missing_operators()
    import timm

    torch.manual_seed(seed)
    network = timm.create_model(name, pretrained=False, **options).eval()
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor += 0.02 * torch.randn_like(tensor).abs()  # norms and biases unlike fresh ones
    path = folder / f"{name}-{seed}{suffix}"
    torch.save(network.state_dict(), path)
    return network, path


def nasa_harvest_with_weights(folder: Path, name: str, seed: int = 7) -> Path:
    """A file of random weights of `presto` or `galileo` in the published names, some of which the tower has no use for."""
    torch.manual_seed(seed)
    tower: Any = load("train.encoders.image", name).build(weights=None, tune="full")
    tensors = dict(tower.network.state_dict())
    for tensor in tensors.values():
        tensor += 0.02 * torch.randn_like(tensor)  # norms and biases unlike fresh ones
    if name == "galileo":
        for qkv in [each for each in tensors if ".attn.qkv." in each]:
            parts = tensors.pop(qkv).chunk(3)
            tensors |= {qkv.replace("qkv", part): tensor.clone() for part, tensor in zip("qkv", parts, strict=True)}
        unused = ["st_channel_embed", "static_embed.LS.bias", "space_embed.DW.proj.bias", "space_time_embed.S1.proj.bias"]
    else:
        unused = ["eo_patch_embed.S1.bias", "dw_embed.weight"]
    tensors |= {each: torch.zeros(1) for each in ("pos_embed", "month_embed.weight", *unused)}
    if name == "presto":
        tensors = {f"encoder.{each}": tensor for each, tensor in tensors.items()} | {"decoder.mask_token": torch.zeros(1)}
    path = folder / f"{name}-{seed}.pt"
    torch.save(tensors, path)
    return path


def stored_tile(bands: int, side: int = 40, seed: int = 0, dtype: type = np.uint16) -> np.ndarray:
    """Noise as it is stored: counts of reflectances up to 0.6, or bytes."""
    largest = 255 if dtype is np.uint8 else 6000
    return np.random.default_rng(seed).integers(1, largest, (bands, side, side)).astype(dtype)


def trained_names(module: torch.nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}
