"""The training loop: draw a batch of each modality, bind it to position, step; validate, save, resume.

Batches, augmentation and dropout depend on (seed, step) alone, so a run that was killed and resumed follows the same curve. With
several devices each process takes its share of the same batches.
"""

import math
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch

from index.errors import CheckpointError, ConfigError, one_line
from index.extras import extra
from index.progress import Progress, Quiet
from index.records import MODALITIES, Modality, content_id
from index.store.catalogue import Catalogue
from train.base import open_base, unchanged_weights
from train.batching.batches import Batch, Records
from train.batching.sampling import check_sources, sampler_of
from train.batching.streams import Stream, generator, torch_seed
from train.card import describe, with_base, write_card
from train.checkpoint import MODEL_FILE, Checkpoint, Progressed, load_training, save_model, save_training
from train.config import TrainConfig
from train.curve.history import History
from train.curve.validate import score, validate
from train.data import held_out_records, training_records
from train.model import build_model, load_pretrained
from train.objective.architecture import Architecture
from train.objective.distillation import Distillation
from train.objective.gradcache import backward_in_chunks
from train.precision import choose_device
from train.protocols import encoder_of

MAX_GRADIENT_NORM = 1.0
LONGEST_WAIT = timedelta(days=2)  # of the other processes while the first encodes all texts; torch gives up after 10 or 30 minutes
TRAINING_ONLY = ("teacher.", "queue.", "distillation.")


@dataclass(frozen=True)
class Result:
    checkpoint: Checkpoint
    history: list[dict[str, float]]


def train(
    config: TrainConfig, catalogue: Catalogue, out: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Result:
    """Train on everything in the catalogue but its validation split and write a checkpoint to ``out``.

    An interrupted run in ``out`` with the same settings and records resumes. Raises ``CheckpointError`` if ``out`` holds a finished
    checkpoint or another run, unless ``overwrite``; a finished one stays until the new one takes its place. Raises ``ConfigError``
    if training is to end early and nothing is held out to judge by, and for settings that do not fit the checkpoint to start from.
    """
    config = config.resolved()
    if (out / MODEL_FILE).exists() and not overwrite:
        raise CheckpointError(f"{out} holds a finished checkpoint; choose another --out, or replace it with --overwrite")
    base = open_base(config)
    fabric = _fabric(config)
    fabric.launch()
    progress = progress if progress and fabric.is_global_zero else Quiet()
    state = load_training(out, config, overwrite=overwrite)
    model = build_model(config, pretrained=state is None)
    progress.start("encode texts and tiles", None)  # articles and their sentences, which are not counted yet
    with fabric.rank_zero_first():  # the other processes find the features in the catalogue
        records = training_records(
            catalogue, model.encoders, config.modalities, progress.advance,
            sentence_share=config.sentence_share, masked_share=config.masked_share, few_bands_share=config.few_bands_share,
            hidden_context_share=config.hidden_context_share,
        )  # fmt: skip
        held_out = held_out_records(catalogue, model.encoders, tuple(each.modality for each in records), progress.advance)
    if config.patience and not held_out:
        raise ConfigError("patience needs records with split 'val' to judge by, and the catalogue has none; leave patience at 0")
    student = encoder_of(model.encoders, "locations")
    for number, teacher in enumerate(config.teachers):
        model.distillation.append(Distillation(teacher, student, config.seed, progress, number))
    run = _Run(config, model, records, held_out, fabric, out)
    if state and not run.resume(state, overwrite=overwrite):
        load_pretrained(model, config)
    progress.start("train", config.steps)
    progress.advance(run.step)
    try:
        while run.step < config.steps and not run.is_over:
            progress.advance(1, **run.take_step())
    finally:
        run.close()
    if fabric.is_global_zero:
        card = describe(config, model, catalogue, records, _digest(records), run.final_figures)
        weights = run.final_weights
        if base is not None:
            card, weights = with_base(card, base), weights | unchanged_weights(base, config)
        run.history.save()
        save_model(out, weights, card)
        write_card(out, Checkpoint.open(out))
    fabric.barrier()
    return Result(Checkpoint.open(out), run.history.rows)


class _Run:
    """One training under way: everything that changes from step to step."""

    def __init__(
        self,
        config: TrainConfig,
        model: Architecture,
        records: list[Records],
        held_out: list[Records],
        fabric: Any,
        out: Path,
    ) -> None:
        self.config, self.model, self.held_out, self.fabric, self.out = config, model, held_out, fabric, out
        self.records = {each.modality: each for each in records}
        self.samplers = {
            each.modality: sampler_of(each.lat, each.lon, config.sampling, each.sources, each.occasions) for each in records
        }
        known = {source for each in records for source in (*each.sources, *(name for name, _ in each.occasions))}
        check_sources(config.sampling, known)
        self.data_digest = _digest([*records, *held_out])  # held-out records too: the curve and early stopping depend on them
        for each in records:
            if len(each) < fabric.world_size:
                raise ConfigError(f"{len(each)} {each.modality} are too few for {fabric.world_size} devices; use fewer")
        model.plan({each.modality: math.ceil(len(each) / self._batch_size(each.modality)) for each in records})
        if config.compile:
            for encoder in model.encoders.values():
                encoder.compile(dynamic=True)
        with warnings.catch_warnings():  # its successor is not in the oldest torch that we support
            warnings.filterwarnings("ignore", message=".*broadcast_buffers")
            self.network, self.optimizer = fabric.setup(model, _optimizer(model, config))
        self.history = History.open(out)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._ahead: dict[int, Future[list[Batch]]] = {}
        self.step = 0
        self.best: dict[str, torch.Tensor] | None = None
        self.best_figures: dict[str, float] = {}
        self.waited = 0

    def resume(self, state: Progressed, *, overwrite: bool) -> bool:
        """Resume from a saved state. False if it is of other records and may be overwritten: then a new run starts."""
        if state.data_digest != self.data_digest:
            if overwrite:
                return False
            raise CheckpointError(
                f"the records of the catalogue differ from those that the run in {self.out} began with; "
                "finish it on the old ones, choose another --out, or start over with --overwrite"
            )
        self.model.load_state_dict(state.weights)
        self.optimizer.load_state_dict({"state": state.optimizer, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step, self.best, self.best_figures, self.waited = state.step, state.best, state.best_figures, state.waited
        self.history = History.open(self.out, before=self.step)
        return True

    def close(self) -> None:
        """No batch is read any more."""
        self._reader.shutdown(cancel_futures=True)

    def take_step(self) -> dict[str, float]:
        """One step with everything that belongs to it; returns its figures."""
        step, config = self.step, self.config
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * learning_rate_factor(step, config)
        self.network.train()
        self.optimizer.zero_grad()
        losses = self._losses_and_gradients(step)
        if self.model.learns_places(step):
            losses |= self._taught(step)
        self.fabric.clip_gradients(self.network, self.optimizer, max_norm=MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        figures = {name: float(self.fabric.all_reduce(loss.detach())) for name, loss in losses.items()}
        if self.held_out and self._is_due(config.validate_every, step):
            figures |= self._validate()
        self.history.add({"step": step, **figures})
        if self.fabric.is_global_zero and self.step % config.save_every == 0 and not self._is_last:
            self._save()
        return figures

    @property
    def is_over(self) -> bool:
        """Whether the run ends early."""
        return bool(self.config.patience) and self.waited >= self.config.patience

    @property
    def final_weights(self) -> dict[str, torch.Tensor]:
        """The weights, without those that only training needs."""
        weights = self.model.state_dict() if self.best is None else self.best
        kept = {name: tensor for name, tensor in weights.items() if not name.startswith(TRAINING_ONLY)}
        if not self.config.half:
            return kept
        learnt = dict(self.model.named_parameters())  # weights that are given, such as frequencies, may be too fine to be rounded
        return {name: tensor.half() if name in learnt else tensor for name, tensor in kept.items()}

    @property
    def final_figures(self) -> dict[str, float]:
        """The figures of the last step, or of the best validation if training may end early."""
        last = {name: value for name, value in self.history.rows[-1].items() if name != "step"}
        return last | self.best_figures

    @property
    def _is_last(self) -> bool:
        return self.step == self.config.steps or self.is_over

    def _is_due(self, every: int, step: int) -> bool:
        """At regular steps, at the last, and whenever another modality's turn comes."""
        modalities = tuple(self.records)
        swapped = self.model.active(step, modalities) != self.model.active(step + 1, modalities)
        return swapped or (step + 1) % every == 0 or step + 1 == self.config.steps

    def _losses_and_gradients(self, step: int) -> dict[str, torch.Tensor]:
        seed_of_chunk = partial(torch_seed, self.config.seed, step, Stream.DROPOUT)
        if self.config.encode_chunk:
            active = self.model.active(step, tuple(self.records))
            batches = [self._chunks(self.records[modality], step) for modality in active]
            return backward_in_chunks(self.model, batches, step, seed_of_chunk)
        torch.manual_seed(seed_of_chunk(self.fabric.global_rank))
        losses: dict[str, torch.Tensor] = self.network(self._read_ahead(step), step)
        self.fabric.backward(losses["total"])
        return losses

    def _read_ahead(self, step: int) -> list[Batch]:
        """The batches of a step. Those of the next are read and decoded in a thread while this one is computed."""
        ready = self._ahead.pop(step, None)
        batches = ready.result() if ready else self._whole_batches(step)
        if step + 1 < self.config.steps:
            self._ahead[step + 1] = self._reader.submit(self._whole_batches, step + 1)
        return batches

    def _whole_batches(self, step: int) -> list[Batch]:
        active = self.model.active(step, tuple(self.records))
        return [chunk() for modality in active for chunk in self._chunks(self.records[modality], step)]

    def _taught(self, step: int) -> dict[str, torch.Tensor]:
        """The losses of the teachers; their gradients are added to the present ones."""
        losses = {}
        for number, (options, teacher) in enumerate(zip(self.config.teachers, self.model.distillation, strict=True), start=1):
            loss = teacher(encoder_of(self.model.encoders, "locations"), step)
            self.fabric.backward(options.weight * loss)
            losses["distillation" if number == 1 else f"distillation_{number}"] = loss
        return losses

    def _chunks(self, records: Records, step: int) -> Sequence[Callable[[], Batch]]:
        """This process's share of a batch, in parts of ``encode_chunk`` records."""
        size, branch, seed = self._batch_size(records.modality), MODALITIES.index(records.modality), self.config.seed
        rows = self.samplers[records.modality].draw(size, seed=seed, step=step, branch=branch)
        chances = generator(seed, step, Stream.CHANCES, branch).random((len(rows), 2))
        share = len(rows) // self.fabric.world_size  # side by side, so that gathering them gives the batch in its order
        mine = slice(self.fabric.global_rank * share, (self.fabric.global_rank + 1) * share)
        rows, chances = rows[mine], chances[mine]
        chunk = self.config.encode_chunk or len(rows)
        cuts = [slice(start, start + chunk) for start in range(0, len(rows), chunk)]
        return [partial(self._batch, records, rows[cut], chances[cut]) for cut in cuts]

    def _batch(self, records: Records, rows: Any, chances: Any) -> Batch:
        batch: Batch = records.batch(rows, chances).to(self.fabric.device)
        return batch

    def _batch_size(self, modality: Modality) -> int:
        return {"articles": self.config.article_batch, "tiles": self.config.tile_batch}[modality]

    def _validate(self) -> dict[str, float]:
        figures: dict[str, float] = self.fabric.broadcast(validate(self.model, self.held_out) if self.fabric.is_global_zero else {})
        if self.config.patience:
            now, before = score(figures), score(self.best_figures)
            if before is None or (now is not None and now < before):
                self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}
                self.best_figures, self.waited = figures, 0
            else:
                self.waited += 1
        return figures

    def _save(self) -> None:
        state = Progressed(
            self.step, self.model.state_dict(), self.optimizer.state_dict()["state"], self.data_digest,
            self.best, self.best_figures, self.waited,
        )  # fmt: skip
        self.history.save()
        save_training(self.out, state, self.config)


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then half a cosine to zero."""
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return (1 + math.cos(math.pi * share)) / 2


def _digest(records: Sequence[Records]) -> str:
    """A hash over which records these are."""
    return content_id(*(id_ for each in records for id_ in (each.modality, *each.ids)))


def _fabric(config: TrainConfig) -> Any:
    """Raises ``ConfigError`` if the machine does not have such devices, or not enough."""
    fabric, strategies = extra("lightning_fabric"), extra("lightning_fabric.strategies")
    processes = os.environ.get("WORLD_SIZE", "1") if "TORCHELASTIC_RUN_ID" in os.environ else None
    if processes and int(processes) != config.devices:  # each would train the whole by itself, into the same folder
        raise ConfigError(f"torchrun started {processes} processes, devices is {config.devices}; give --devices {processes}")
    device = choose_device(config.device)
    # A tower whose modality is not in the step has no gradient; buffers (the queue) are the same everywhere without being
    # exchanged.
    several: dict[str, Any] = (
        {"strategy": strategies.DDPStrategy(find_unused_parameters=True, broadcast_buffers=False, timeout=LONGEST_WAIT)}
        if config.devices > 1
        else {}
    )
    try:
        return fabric.Fabric(accelerator=device.type, devices=config.devices if device.index is None else [device.index], **several)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"cannot train with device={config.device}, devices={config.devices} on this machine ({one_line(error)})"
        ) from None


def _optimizer(model: torch.nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW that decays matrices only: not biases, norms and temperatures."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate)
