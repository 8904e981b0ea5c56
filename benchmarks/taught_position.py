"""What teachers alone give a location encoder: no texts, no tiles, only places.

    python -m benchmarks.taught_position OUT --geoclip FOLDER [--data ../shared/data] [--steps 1000]

Trains the nested encoder on the pictures of the shipped model, taught by GeoCLIP at 40,000 places on land and by the kinds of
places around them, each for the appearance alone and for the whole hidden layer. OUT becomes a checkpoint, as `placebind evaluate
--only tasks` can probe it.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

import torch

from train.checkpoint import Card, build_encoder, save_model
from train.config import TrainConfig
from train.encoders.location.nested import Nested
from train.loop import MAX_GRADIENT_NORM, learning_rate_factor
from train.objective.distillation import Distillation
from ui.console import ProgressBars

PICTURES = Path(__file__).with_name("shipped_model.toml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--geoclip", type=Path, required=True, help="the unpacked wheel of geoclip")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--steps", type=int, default=1000)
    asked = parser.parse_args()
    torch.manual_seed(0)
    pictures = TrainConfig.load(PICTURES).location.options["pictures"]
    location = {"name": "nested", "options": {"folder": str(asked.data / "coarse"), "pictures": pictures}}
    config = TrainConfig.parse({"location": location, "steps": asked.steps, "warmup_steps": 50}, where="benchmark").resolved()
    encoder = build_encoder(config, "locations")
    assert isinstance(encoder, Nested)
    encoder.load_pretrained()
    config = config.model_copy(update={"teachers": teachers(asked.geoclip, asked.data, encoder.appearance_columns).teachers})
    with ProgressBars() as bars:
        learn(encoder, config, bars)
    weights = {f"encoders.locations.{name}": value for name, value in encoder.state_dict().items()}
    save_model(asked.out, weights, Card(config=config, trained_on={}, placebind_version=version("placebind")))


def teachers(geoclip: Path, data: Path, appearance: int) -> TrainConfig:
    """GeoCLIP and kinds of places, each for the appearance alone and for the whole hidden layer."""
    clip = {"name": "geoclip", "options": {"weights": str(geoclip)}, "loss": "cosine", "weight": 1.0}
    kinds = {"name": "kinds", "options": {"file": str(data / "text/gazetteer_titles.parquet")}, "weight": 0.25}
    both = [{**each, "points": 40_000, "batch": 512, "prefix": prefix} for each in (clip, kinds) for prefix in (appearance, None)]
    return TrainConfig.parse({"teachers": both}, where="benchmark")


def learn(encoder: Nested, config: TrainConfig, bars: ProgressBars) -> None:
    heads = [Distillation(each, encoder, config.seed, bars, number) for number, each in enumerate(config.teachers)]
    learnt = [*encoder.parameters(), *(weights for head in heads for weights in head.parameters())]
    optimizer = torch.optim.AdamW(learnt, lr=config.learning_rate, weight_decay=config.weight_decay)
    encoder.train()
    bars.start("train", config.steps)
    for step in range(config.steps):
        optimizer.param_groups[0]["lr"] = config.learning_rate * learning_rate_factor(step, config)
        optimizer.zero_grad()
        losses = [head(encoder, step) for head in heads]
        torch.stack([head.options.weight * loss for head, loss in zip(heads, losses, strict=True)]).sum().backward()
        torch.nn.utils.clip_grad_norm_(learnt, MAX_GRADIENT_NORM)
        optimizer.step()
        bars.advance(1, **{f"distillation_{number}": float(loss.detach()) for number, loss in enumerate(losses, start=1)})


if __name__ == "__main__":
    main()
