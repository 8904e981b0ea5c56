"""Image tower: the visual half of any open_clip model, on red, green and blue (CLIP, Radford et al. 2021, arXiv:2103.00020).

Weights by open_clip's tag, or as a file of a whole CLIP model with open_clip's tensor names; CLIP models for remote sensing come as
such files too (RemoteCLIP, arXiv:2306.11029). A tile is shown like the pictures that CLIP knows (``Sensor.rgb`` and
``Sensor.white``): for Sentinel-2 the bands B04, B03, B02, with reflectance 0 .. 0.3 stretched to 0 .. 1 and clipped. The mean over
43 tiles from all over the world is then 0.48, 0.48, 0.44 in red, green and blue; that of CLIP's training photographs is 0.48, 0.46,
0.41.

Pixels [B, 3, S, S], S the model's input size -> CLIP's embedding [B, F] (not normalised) -> head -> [B, dim].
"""

from functools import partial
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from index.errors import ConfigError
from index.imagery.sensors import SENSORS
from train.image.image_input import BandInput
from train.image.image_tower import PretrainedImageTower, Published, TowerOptions
from train.image.tuning import Groups, Tune, parameter_groups, timm_groups
from train.weights.open_clip_models import model_config, tag_config, weights_file
from train.weights.pretrained import table_name

PREFIX = "visual."
# For open_clip's own ViT and ResNet, in the form of timm's matchers; other networks in open_clip are timm's and bring their own.
MATCHER = {
    "stem": r"^(?:conv\d|bn\d|class_embedding|positional_embedding|ln_pre)",
    "blocks": [(r"^transformer\.resblocks\.(\d+)", None), (r"^layer(\d+)\.(\d+)", None)],
}
# CLIP's class also builds a text tower: a tiny one is built and discarded.
TINY_TEXT = {"context_length": 2, "vocab_size": 2, "width": 8, "heads": 1, "layers": 1}


class Options(TowerOptions):
    model: str = Field(
        "ViT-B-32", description="an open_clip model; a file trained with QuickGELU (OpenAI's) wants ViT-B-32-quickgelu"
    )
    weights: str | None = Field(
        "laion2b_s34b_b79k", description="open_clip's tag of the weights (downloaded once), or a file of the whole CLIP model"
    )
    tune: Tune = Field("frozen", description="how much of the visual network is trained: frozen, head, partial, lora or full")


def build(**options: Any) -> PretrainedImageTower:
    """Raises ``ConfigError`` for a model or a tag that open_clip does not have."""
    chosen = Options.parse(options, where="open_clip")
    model = model_config(chosen.model)
    tag = tag_config(chosen.model, chosen.weights) if chosen.weights else {}
    quick_gelu = bool(model.get("quick_gelu") or tag.get("quick_gelu"))
    published = Published(
        name=table_name("open_clip", chosen.model, *(["quickgelu"] if quick_gelu else [])),
        feature_dim=model["embed_dim"],
        size_px=_size_px(chosen.model, model),
        inputs=_inputs(chosen.model, tag),
        make=partial(_visual, model, quick_gelu),
        groups=_groups,
        file=partial(weights_file, tag),
        adapt=_visual_part,
    )
    return PretrainedImageTower(published, chosen)


def _size_px(name: str, model: dict[str, Any]) -> int:
    size = model["vision_cfg"].get("image_size", 224)
    height, width = (size, size) if isinstance(size, int) else size
    if height != width:
        raise ConfigError(f"{name} sees images of {height} x {width} px; take a model that sees squares")
    return int(height)


def _inputs(model: str, tag: dict[str, Any]) -> dict[str, BandInput]:
    """A file's mean and deviation are those of the model's published weights where these agree (SigLIP's do), else OpenAI's."""
    import open_clip

    known = [open_clip.get_pretrained_cfg(model, each) for each in open_clip.list_pretrained_tags_by_model(model)]
    said = {(tuple(each["mean"]), tuple(each["std"])) for each in ([tag] if tag else known)}
    mean, std = said.pop() if len(said) == 1 else (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    return {name: BandInput(sensor.rgb, mean, std, white=sensor.white) for name, sensor in SENSORS.items()}


def _visual(model: dict[str, Any], quick_gelu: bool) -> nn.Module:
    """OpenAI's weights were trained with QuickGELU, an approximation; with the exact GELU they give other features."""
    import open_clip

    vision = {**model["vision_cfg"], "timm_model_pretrained": False, "output_tokens": False}
    clip: Any = open_clip.CLIP(model["embed_dim"], vision, TINY_TEXT, quick_gelu=quick_gelu)
    visual: nn.Module = clip.visual
    return visual


def _groups(visual: Any) -> Groups:
    if not hasattr(visual, "trunk"):
        return parameter_groups(visual, MATCHER)
    groups = timm_groups(visual.trunk)
    return [*groups[:-1], [*groups[-1], *visual.head.parameters()]]


def _visual_part(found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(PREFIX): tensor for name, tensor in found.items() if name.startswith(PREFIX)}
