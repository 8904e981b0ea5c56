"""Image tower: ResNet-18/50 or ViT-S/16 pretrained on Sentinel-2 without labels (SSL4EO-S12, Wang et al. 2023, arXiv:2211.07044).

The weights are those that TorchGeo publishes (13 bands of Level-1C; MoCo, arXiv:1911.05722 and 2104.02057, or DINO,
arXiv:2104.14294), by TorchGeo's name or as a file with its tensor names, which are timm's; TorchGeo itself is not needed. Bands and
normalisation as in torchgeo 0.8.1 (models/resnet.py and models/vit.py, MIT licence): B01 to B12 with B8A behind B08, stored counts
/ 10,000, which is plain reflectance. One difference: TorchGeo scales an image to 256 px and cuts the middle 224 px out; here the
whole square is scaled to ``size_px``. Level-2A lacks B10: a missing band is zero.

Pixels [B, 13, S, S] -> features [B, 512] (ResNet-18), [B, 2048] (ResNet-50) or [B, 384] (ViT-S) -> head -> [B, dim].
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from index.imagery.sensors import SENTINEL2
from train.image.image_input import BandInput
from train.image.image_tower import PretrainedImageTower, Published, TowerOptions
from train.image.tuning import Tune, timm_groups
from train.weights.pretrained import names_a_file, table_name
from train.weights.published import check_name, downloaded
from train.weights.torchvision_cpu import tolerate_missing_operators

FEATURE_DIM = {"resnet18": 512, "resnet50": 2048, "vit_small_patch16_224": 384}
BANDS = len(SENTINEL2.bands)
REFLECTANCE = BandInput(SENTINEL2.bands, mean=(0.0,) * BANDS, std=(1.0,) * BANDS)
CLASSIFIERS = ("fc.", "head.")  # of the pretraining; TorchGeo's loader skips them too
LAST_NORM = frozenset({"norm.weight", "norm.bias"})  # TorchGeo accepts a ViT's file without them

# TorchGeo's name -> (network, file). The file name ends with the first digits of its SHA-256 (torchgeo pull request 1105).
HUB = "https://hf.co/torchgeo"
PUBLISHED = {
    "ResNet18_Weights.SENTINEL2_ALL_MOCO": (
        "resnet18",
        f"{HUB}/resnet18_sentinel2_all_moco/resolve/5b8cddc9a14f3844350b7f40b85bcd32aed75918/resnet18_sentinel2_all_moco-59bfdff9.pth",
    ),
    "ResNet50_Weights.SENTINEL2_ALL_MOCO": (
        "resnet50",
        f"{HUB}/resnet50_sentinel2_all_moco/resolve/da4f3c9dbe09272eb902f3b37f46635fa4726879/resnet50_sentinel2_all_moco-df8b932e.pth",
    ),
    "ResNet50_Weights.SENTINEL2_ALL_DINO": (
        "resnet50",
        f"{HUB}/resnet50_sentinel2_all_dino/resolve/d7f14bf5530d70ac69d763e58e77e44dbecfec7c/resnet50_sentinel2_all_dino-d6c330e9.pth",
    ),
    "ViTSmall16_Weights.SENTINEL2_ALL_MOCO": (
        "vit_small_patch16_224",
        f"{HUB}/vit_small_patch16_224_sentinel2_all_moco/resolve/1cb683f6c14739634cdfaaceb076529adf898c74/"
        "vit_small_patch16_224_sentinel2_all_moco-67c9032d.pth",
    ),
    "ViTSmall16_Weights.SENTINEL2_ALL_DINO": (
        "vit_small_patch16_224",
        f"{HUB}/vit_small_patch16_224_sentinel2_all_dino/resolve/5b41dd418a79de47ac9f5be3e035405a83818a62/"
        "vit_small_patch16_224_sentinel2_all_dino-36bcc127.pth",
    ),
}


class Options(TowerOptions):
    model: Literal["resnet18", "resnet50", "vit_small_patch16_224"] = Field("resnet18", description="the network, by timm's name")
    weights: str | None = Field(
        "ResNet18_Weights.SENTINEL2_ALL_MOCO", description="TorchGeo's name of the weights (downloaded once), or a file of theirs"
    )
    tune: Tune = Field("frozen", description="how much of the network is trained: frozen, head, partial, lora or full")
    size_px: int = Field(224, ge=32, multiple_of=32, description="side of the square that the network sees; pretrained at 224")

    @model_validator(mode="after")
    def _weights_of_this_network(self) -> Self:
        check_name(self.weights, PUBLISHED)
        if self.weights in PUBLISHED and PUBLISHED[self.weights][0] != self.model:
            raise ValueError(f"{self.weights} are weights of {PUBLISHED[self.weights][0]}, model is {self.model}")
        return self


def build(**options: Any) -> PretrainedImageTower:
    chosen = Options.parse(options, where="ssl4eo")
    published = Published(
        name=table_name("ssl4eo", chosen.model),
        feature_dim=FEATURE_DIM[chosen.model],
        size_px=chosen.size_px,
        inputs={SENTINEL2.name: REFLECTANCE},
        make=partial(_network, chosen.model),
        groups=timm_groups,
        file=weights_file,
        adapt=_without_classifier,
        optional=LAST_NORM if chosen.model.startswith("vit") else frozenset(),
    )
    return PretrainedImageTower(published, chosen)


def weights_file(weights: str) -> Path:
    """The file itself, or a published one, downloaded into PyTorch's cache (where TorchGeo keeps it too) if it is not there yet."""
    if names_a_file(weights):
        return Path(weights)
    _, url = PUBLISHED[weights]
    file = url.rpartition("/")[2]
    return downloaded(url, file, sha256=Path(file).stem.rpartition("-")[2])


def _network(model: str) -> nn.Module:
    tolerate_missing_operators()
    import timm

    any_size: dict[str, Any] = {"dynamic_img_size": True} if model.startswith("vit") else {}
    network: nn.Module = timm.create_model(model, pretrained=False, in_chans=BANDS, num_classes=0, **any_size)
    return network


def _without_classifier(found: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in found.items() if not name.startswith(CLASSIFIERS)}
