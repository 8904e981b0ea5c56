"""The training loop: draw a batch of each modality, bind it to position, step; validate, save, resume.

Batches, augmentation and dropout depend on (seed, step) alone, so a run that was killed and resumed follows the same curve.
"""

import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from index.catalogue import Catalogue
from index.errors import CheckpointError
from index.geo import fibonacci_sphere
from index.progress import Progress, Quiet
from index.records import Modality
from train.checkpoint import MODEL_FILE, Card, Checkpoint, load_training, save_model, save_training
from train.config import TrainConfig
from train.data import TRAINING, VALIDATION, Records, article_records, training_records
from train.evaluate import encode_locations, geolocation_figures, nearest
from train.model import build_model
from train.precision import choose_device
from train.sampling import draw

MAX_GRADIENT_NORM = 1.0
VALIDATION_GALLERY = 20_000  # points 160 km apart over the whole sphere: a steady yardstick, not the reported figure
STREAM: dict[Modality, int] = {"articles": 0, "tiles": 1}


@dataclass(frozen=True)
class Result:
    checkpoint: Checkpoint
    history: list[dict[str, float]]


def train(
    config: TrainConfig, catalogue: Catalogue, out: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Result:
    """Train on everything in the catalogue but its validation split and write a checkpoint to ``out``.

    An interrupted run in ``out`` with the same settings is resumed. Raises ``CheckpointError`` if ``out`` holds a finished
    checkpoint or a run with other settings, unless ``overwrite``; a finished one stays until the new one takes its place.
    """
    progress, config = progress or Quiet(), config.resolved()
    if (out / MODEL_FILE).exists() and not overwrite:
        raise CheckpointError(f"{out} holds a finished checkpoint; choose another --out, or replace it with --overwrite")
    resumed = load_training(out, config, overwrite=overwrite)
    from lightning_fabric import Fabric

    device = choose_device(config.device)
    fabric = Fabric(accelerator=device.type, devices=1)
    model = build_model(config)
    progress.start("encode texts", None)  # articles and their sentences, which are not counted yet
    records = training_records(catalogue, model, TRAINING, progress.advance, sentence_share=config.sentence_share)
    held_out = (
        article_records(catalogue, model.encoders["articles"], VALIDATION, progress.advance)
        if catalogue.count("articles", VALIDATION)
        else None
    )
    optimizer = _optimizer(model, config)
    done = _restore(resumed, model, optimizer) if resumed else 0
    network, optimizer = fabric.setup(model, optimizer)
    history: list[dict[str, float]] = []
    progress.start("train", config.steps)
    progress.advance(done)
    for step in range(done, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * learning_rate_factor(step, config)
        torch.manual_seed(config.seed * 1_000_003 + step)
        network.train()
        losses = network([_batch(each, config, step, fabric.device) for each in records])
        optimizer.zero_grad()
        fabric.backward(losses["total"])
        fabric.clip_gradients(network, optimizer, max_norm=MAX_GRADIENT_NORM)
        optimizer.step()
        figures = {name: float(loss.detach()) for name, loss in losses.items()}
        last = step + 1 == config.steps
        if held_out is not None and (last or (step + 1) % config.validate_every == 0):
            figures |= {f"val_{name}": value for name, value in validate(model, held_out).items()}
        history.append({"step": step, **figures})
        if (step + 1) % config.save_every == 0 and not last:
            save_training(out, model.state_dict(), optimizer, step + 1, config)
        progress.advance(1, **figures)
    save_model(out, model.state_dict(), _card(config, model, catalogue, records, history))
    return Result(Checkpoint.open(out), history)


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then half a cosine to zero."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return (1 + math.cos(math.pi * share)) / 2


@torch.inference_mode()
def validate(model: Any, held_out: Records) -> dict[str, float]:
    """Text to location on held-out articles against points all over the sphere."""
    model.eval()
    device = next(model.parameters()).device
    batch = held_out.batch(np.arange(len(held_out))).to(device)
    vectors = F.normalize(batch.encode(model.encoders["articles"]).float(), dim=-1)
    lat, lon = fibonacci_sphere(VALIDATION_GALLERY)
    best = nearest(vectors, encode_locations(model.encoders["locations"], lat, lon))
    return geolocation_figures(lat[best], lon[best], held_out.lat, held_out.lon)


def _batch(records: Records, config: TrainConfig, step: int, device: torch.device) -> Any:
    size = {"articles": config.article_batch, "tiles": config.tile_batch}[records.modality]
    stream = STREAM[records.modality]
    rows = draw(records.weights, size, seed=config.seed, step=step, stream=stream)
    augment = np.random.default_rng([config.seed, step, stream, 1])
    return records.batch(rows, augment).to(device)


def _optimizer(model: torch.nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW that decays matrices only: not biases, norms and temperatures."""
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def _restore(resumed: Any, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> int:
    done, weights, state = resumed
    model.load_state_dict(weights)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(done)


def _card(config: TrainConfig, model: Any, catalogue: Catalogue, records: list[Records], history: list[dict[str, float]]) -> Card:
    figures = {name: value for name, value in history[-1].items() if name != "step"} if history else {}
    trained_on = {each.modality: len(each) for each in records}
    seen = set(catalogue.column("tiles", ["sensor"], where=TRAINING)["sensor"].to_pylist()) if "tiles" in trained_on else set()
    sensors = tuple(sensor for sensor in model.encoders["tiles"].sensors if sensor in seen)
    return Card(config=config, trained_on=trained_on, sensors=sensors, figures=figures, placebind_version=version("placebind"))
