"""A run that starts from a finished checkpoint: one tower learns on its positions, and all else of it stays as it is, bit for bit.

checkpoint, modality -> ``settings_from``, the defaults of such a run -> ``open_base`` checks what was made of them ->
``begin_with`` puts the weights into the new model -> ``unchanged_weights`` go from the old file into the new one.
"""

from collections import Counter
from typing import Any

from torch import Tensor

from index.errors import CheckpointError, ConfigError
from index.records import MODALITIES, Modality
from index.registry import Component
from index.store.catalogue import Catalogue
from train.batching.sampling import FEWEST_OF_AN_OCCASION, SamplingOptions
from train.checkpoint import Checkpoint
from train.config import ENCODER_OF, ENCODERS, Base, TrainConfig
from train.data import TRAINING
from train.objective.architecture import Architecture
from train.objective.contrast import ContrastOptions

TOWER = "spectral"  # for tiles: small enough to learn in minutes on a CPU
ELSEWHERE = 1024  # random places as further negatives: without them tiles of one region are told apart, but not from other regions
HIDDEN_SHARE = 0.2  # of a batch's tiles are seen in a few bands, or without level or month, as pictures in questions are


def settings_from(base: Checkpoint, only: Modality, catalogue: Catalogue) -> TrainConfig:
    """The defaults of a run in which only the tower of one modality learns. Its losses are the base's, with places all over the
    Earth as negatives. A batch of tiles is of one source where the catalogue has several."""
    config, folder = base.card.config, base.path.parent.resolve()
    of_loss = {name: value for name, value in config.architecture.options.items() if name in ContrastOptions.model_fields}
    parts: dict[str, Any] = {field: _without_dim(getattr(config, field)) for field in ENCODERS}
    shares = {name: getattr(config, name) for name in ("few_bands_share", "hidden_context_share")}
    sampling = SamplingOptions()
    if only == "tiles":
        if config.image.name != TOWER:
            parts["image"] = Component(name=TOWER)
        shares = dict.fromkeys(shares, HIDDEN_SHARE)
        sampling = SamplingOptions(occasions="source" if _has_several_sources(catalogue) else "mixed")
    of_loss["uniform_negatives"] = max(ELSEWHERE, of_loss.get("uniform_negatives", 0))
    fixed = {"location": "fixed", "location_checkpoint": str(folder)}
    chosen = {
        "base": Base(folder=folder, digest=base.digest),
        "architecture": Component(name="cyclic", options={**of_loss, **fixed}),
        "modalities": (only,),
        "dim": config.dim,
        "half": config.half,
        "sampling": sampling,
    }
    return TrainConfig.parse({**chosen, **parts, **shares}, where=f"settings of {folder}")


def open_base(config: TrainConfig) -> Checkpoint | None:
    """The checkpoint that a run starts from, None for a run that starts from nothing. ``config`` must be resolved.

    Raises ``ConfigError`` for settings with which its parts could not be kept, ``CheckpointError`` if it is another one by now.
    """
    if config.base is None:
        return None
    folder, before = config.base.folder, Checkpoint.open(config.base.folder)
    if before.digest != config.base.digest:
        raise CheckpointError(
            f"the model in {folder} is {before.digest[:8]}…, this run starts from {config.base.digest[:8]}…; bring that one back, "
            "or start over with --from and --overwrite"
        )
    if len(config.modalities) != 1:
        raise ConfigError("a run that starts from a checkpoint trains one tower; name its modality with --only tiles or articles")
    of = before.card.config
    if config.dim != of.dim:
        raise ConfigError(f"dim is {config.dim}, but the space of the model in {folder} has {of.dim} dimensions; leave dim out")
    options = config.architecture.options
    if (options.get("location"), options.get("location_checkpoint")) != ("fixed", str(folder)):
        raise ConfigError(
            f"the positions of the model in {folder} stay as they are, with the architecture cyclic; leave out --architecture "
            "and its options location and location_checkpoint"
        )
    for modality in unchanged_modalities(config):
        if config.encoder(modality) != _encoder_today(before, modality):
            raise ConfigError(
                f"the settings of {ENCODER_OF[modality]} differ from those of the model in {folder}, whose encoder of "
                f"{modality} is kept; leave them out"
            )
    return before


def unchanged_modalities(config: TrainConfig) -> list[Modality]:
    """Those whose encoder is the base's."""
    return [modality for modality in MODALITIES if modality not in config.modalities]


def begin_with(base: Checkpoint, model: Architecture, config: TrainConfig) -> set[Modality]:
    """Load the kept encoders; also the tower that is to learn, with its temperature, if the base has learnt the same one. Returns
    whose encoders were loaded."""
    (only,) = config.modalities
    ready = set(unchanged_modalities(config))
    if base.learnt(only) and config.encoder(only) == _encoder_today(base, only):
        ready.add(only)
        contrast, learnt = model.contrasts[only], base.weights(f"contrasts.{only}.")
        if learnt.keys() == contrast.state_dict().keys():  # not with another loss
            contrast.load_state_dict(learnt)
    for modality in ready:
        model.encoders[modality].load_state_dict(base.weights(f"encoders.{modality}."))
    return ready


def unchanged_weights(base: Checkpoint, config: TrainConfig) -> dict[str, Tensor]:
    """All tensors of the base's file but those of the tower that learns."""
    learnt = tuple(f"{part}.{modality}." for part in ("encoders", "contrasts") for modality in config.modalities)
    return {name: tensor for name, tensor in base.weights().items() if not name.startswith(learnt)}


def _has_several_sources(catalogue: Catalogue) -> bool:
    """Whether tiles of two sources or more are enough to make a batch of each."""
    sources = catalogue.column("tiles", ["source"], where=TRAINING)["source"].to_pylist() if catalogue.has("tiles") else []
    counts = Counter(source or "" for source in sources)
    return sum(count >= FEWEST_OF_AN_OCCASION for count in counts.values()) > 1


def _encoder_today(base: Checkpoint, modality: Modality) -> Component:
    """An encoder of the base, with the options that came after it was trained."""
    return base.card.config.model_copy(update={"teachers": ()}).resolved().encoder(modality)


def _without_dim(component: Component) -> Component:
    """So that a wrong dimension is noticed once, for all of them."""
    return Component(name=component.name, options={name: value for name, value in component.options.items() if name != "dim"})
