"""The catalogue of open_clip (Ilharco et al. 2021): models by name, published weights by tag, for the towers that use it."""

import difflib
from pathlib import Path
from typing import Any

from index.errors import CheckpointError, ConfigError, one_line
from train.weights.pretrained import names_a_file
from train.weights.torchvision_cpu import tolerate_missing_operators


def model_config(model: str) -> dict[str, Any]:
    """``embed_dim``, ``vision_cfg``, ``text_cfg`` of a model. Raises ``ConfigError`` if open_clip has none of that name."""
    tolerate_missing_operators()
    import open_clip

    known = open_clip.list_models()
    if model not in known:
        near = difflib.get_close_matches(model, known, n=3, cutoff=0.4) or ["ViT-B-32", "ViT-L-14"]
        raise ConfigError(f"open_clip has no model '{model}'; take for example {', '.join(near)}")
    config: dict[str, Any] = open_clip.get_model_config(model)
    return config


def tag_config(model: str, weights: str) -> dict[str, Any]:
    """Address, normalisation and activation of published weights; empty for a file. Raises ``ConfigError`` for an unknown tag."""
    if names_a_file(weights):
        return {}
    import open_clip

    config: dict[str, Any] = open_clip.get_pretrained_cfg(model, weights)
    if not config:
        known = ", ".join(open_clip.list_pretrained_tags_by_model(model)[:6]) or "none"
        raise ConfigError(
            f"open_clip has no weights '{weights}' of {model} (it has for example: {known}); a file ends in .safetensors or .pt"
        )
    return config


def weights_file(tag: dict[str, Any], weights: str) -> Path:
    """The file itself, or that of a tag's config: fetched once. Raises ``CheckpointError`` if that fails."""
    if not tag:
        return Path(weights).expanduser()
    import open_clip

    try:
        return Path(open_clip.download_pretrained(tag))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"open_clip's weights {weights} cannot be fetched ({one_line(error)}); "
            "try again with a connection, or copy the file here and give its path as `weights`"
        ) from None
