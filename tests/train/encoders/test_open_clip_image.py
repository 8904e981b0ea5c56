"""The open_clip image tower against open_clip itself: the same picture, the same network, the same embedding."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from index.errors import CheckpointError, ConfigError
from index.imagery.sensors import NASA_COARSE, SENTINEL2
from tests.train.encoders.tiny_towers import clip_with_weights, stored_tile, timm_with_weights, trained_names
from train.encoders.image import open_clip as open_clip_tower

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of the CLIP paper's training images, as in OpenAI's code
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    return clip_with_weights(tmp_path_factory.mktemp("clip"))


def build(clip: tuple[Any, Path], **options: Any) -> Any:
    return open_clip_tower.build(**{"model": "placebind-tiny", "weights": str(clip[1]), "hidden": 8, "dim": 6, **options})


def test_a_sentinel2_tile_is_seen_as_open_clip_sees_its_picture(clip: tuple[Any, Path]) -> None:
    """By hand: red, green, blue; 3,000 counts are white; OpenAI's mean and deviation; open_clip's own model."""
    model, _ = clip
    tower = build(clip)
    stored = stored_tile(13, side=32)
    picture = np.stack([np.minimum(stored[SENTINEL2.bands.index(band)] / 3000.0, 1.0) for band in ("B04", "B03", "B02")])
    for channel in range(3):
        picture[channel] = (picture[channel] - OPENAI_MEAN[channel]) / OPENAI_STD[channel]
    expected = torch.from_numpy(picture).float()
    pixels, present = tower.prepare(stored, SENTINEL2.bands, "sentinel2")
    torch.testing.assert_close(pixels, expected, rtol=0, atol=1e-5)
    with torch.no_grad():
        embedding = model.encode_image(expected[None]).float()
    torch.testing.assert_close(tower.features(pixels[None], present[None], "sentinel2"), embedding, rtol=0.02, atol=0.02)


def test_a_coarse_tile_is_seen_by_its_red_green_and_blue(clip: tuple[Any, Path]) -> None:
    tower = build(clip)
    stored = np.full((4, 32, 32), 255, dtype=np.uint8)
    stored[2] = 51  # blue is 0.2
    pixels, present = tower.prepare(stored, NASA_COARSE.bands, "nasa_coarse")
    expected = [(1 - OPENAI_MEAN[0]) / OPENAI_STD[0], (1 - OPENAI_MEAN[1]) / OPENAI_STD[1], (0.2 - OPENAI_MEAN[2]) / OPENAI_STD[2]]
    torch.testing.assert_close(pixels[:, 5, 5], torch.tensor(expected), rtol=0, atol=1e-5)
    assert present.tolist() == [1.0, 1.0, 1.0]


def test_the_size_of_the_picture_is_the_models(clip: tuple[Any, Path]) -> None:
    pixels, _ = build(clip).prepare(stored_tile(3, side=120), ("B02", "B03", "B04"), "sentinel2")
    assert pixels.shape == (3, 32, 32)
    assert open_clip_tower.build(model="ViT-L-14-336", weights="openai").published.size_px == 336


def test_weights_as_pytorch_saves_a_training_run_load_as_well(clip: tuple[Any, Path], tmp_path: Path) -> None:
    model, _ = clip
    torch.save({"epoch": 1, "state_dict": {f"module.{name}": t for name, t in model.state_dict().items()}}, tmp_path / "run.pt")
    tower, expected = build(clip, weights=str(tmp_path / "run.pt")), build(clip)
    pixels, present = torch.rand(2, 3, 32, 32), torch.ones(2, 3)
    assert torch.equal(tower.features(pixels, present, "sentinel2"), expected.features(pixels, present, "sentinel2"))


def test_a_file_of_another_kind_of_network_is_refused(tmp_path: Path, clip: tuple[Any, Path]) -> None:
    _, path = timm_with_weights(tmp_path, "test_vit")
    with pytest.raises(CheckpointError, match=r"test_vit.*lacks (\d+) of the network's \1 tensors"):
        build(clip, weights=str(path)).load_pretrained()


def test_partial_tuning_trains_the_last_blocks_and_what_makes_the_embedding_of_them(clip: tuple[Any, Path]) -> None:
    tower = build(clip, tune="partial", partial_blocks=2)
    found = trained_names(tower.network)
    within = ("transformer.resblocks.1.", "transformer.resblocks.2.", "ln_post.", "proj")
    assert found == {name for name, _ in tower.network.named_parameters() if name.startswith(within)}
    assert "proj" in found


def test_partial_tuning_of_a_timm_network_in_open_clip_trains_its_projection_too() -> None:
    visual = open_clip_tower._visual(
        {"embed_dim": 8, "vision_cfg": {"timm_model_name": "test_convnext", "timm_pool": "avg", "image_size": 32}}, False
    )
    groups = open_clip_tower._groups(visual)
    assert sum(len(group) for group in groups) == len(list(visual.parameters()))
    last = {id(parameter) for parameter in groups[-1]}
    assert {id(parameter) for parameter in visual.head.parameters()} <= last


def test_adapters_reach_the_attention_of_open_clip(clip: tuple[Any, Path]) -> None:
    tower = build(clip, tune="lora", lora_rank=2)
    found = trained_names(tower.network)
    assert "transformer.resblocks.0.attn.parametrizations.in_proj_weight.0.down" in found
    assert "transformer.resblocks.2.mlp.c_proj.parametrizations.weight.0.up" in found
    assert len(found) == 3 * 4 * 2  # blocks x (stacked query, key, value; out; two of the MLP) x (down, up)


def test_openai_weights_are_seen_through_the_activation_that_they_were_trained_with() -> None:
    quick = open_clip_tower.build(weights="openai").published.make()
    exact = open_clip_tower.build(weights="laion2b_s34b_b79k").published.make()
    assert type(quick.transformer.resblocks[0].mlp.gelu).__name__ == "QuickGELU"
    assert isinstance(exact.transformer.resblocks[0].mlp.gelu, torch.nn.GELU)


def test_features_of_the_same_file_through_another_activation_are_cached_apart(
    clip: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        open_clip_tower, "tag_config", lambda model, weights: {"quick_gelu": True, "mean": OPENAI_MEAN, "std": OPENAI_STD}
    )
    monkeypatch.setattr(open_clip_tower, "weights_file", lambda tag, weights: clip[1])
    quick = build(clip, weights="by_tag").feature_key
    monkeypatch.undo()
    assert quick != build(clip).feature_key


def test_a_siglip_file_is_normalised_as_the_published_ones_are() -> None:
    tower = open_clip_tower.build(model="ViT-B-16-SigLIP", weights="/some/file.safetensors")
    assert tower.published.inputs["sentinel2"].mean == (0.5, 0.5, 0.5)
    assert open_clip_tower.build().published.inputs["sentinel2"].mean == OPENAI_MEAN


def test_a_model_or_a_tag_that_open_clip_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="open_clip has no model 'ViT-Gigantic'"):
        open_clip_tower.build(model="ViT-Gigantic")
    with pytest.raises(ConfigError, match=r"no weights 'laion3b' of ViT-B-32 "):
        open_clip_tower.build(weights="laion3b")


def test_without_a_connection_the_remedy_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    def offline(*args: Any, **options: Any) -> str:
        raise FileNotFoundError("no connection")

    monkeypatch.setattr(open_clip, "download_pretrained", offline)
    with pytest.raises(CheckpointError, match=r"laion2b_s34b_b79k .*no connection.*`weights`"):
        open_clip_tower.build().load_pretrained()
