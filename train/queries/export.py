"""Graphs of a model's encoders for ``light``: traced by torch, without weights, and compared with torch before they count.

A weight that the model's file holds becomes an input of the graph under its own name. What the file does not hold, as a frozen
network of others, stays in the graph.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from index.errors import CheckpointError, ConfigError, one_line
from index.extras import extra
from index.files import made_whole
from index.geo import fibonacci_sphere
from index.imagery.sensors import SENSORS
from index.records import MODALITIES, Modality
from index.registry import load
from train.checkpoint import Checkpoint
from train.config import ENCODER_OF, ENCODERS
from train.image.context import UNKNOWN
from train.image.prepared import SeesOneSize
from train.precision import choose_device
from train.protocols import HasAppearance, ImageEncoder, LocationEncoder, ReadsContext, ReadsEarthInputs, SaysWhatItReads
from train.queries.encoders import Shown, Vectors
from train.queries.light.encoders import LightEncoders
from train.queries.light.exported import FILE, Exported, Places, Sensor, Texts, writable_of
from train.queries.trained import TorchEncoders
from train.text import minilm
from train.text.hashed_words import WordIds
from train.text.text_head import TextHead
from train.text.word_bag import WordBag
from train.weights.tensors import mapped_tensors
from train.weights.torchvision_cpu import tolerate_missing_operators

OPSET = 17
LEAST_COSINE = 0.9999  # to torch's vector of the same record
RECORDS = 3  # that are traced; any number is read
INPUT_OF: dict[str, tuple[int, torch.dtype]] = {"look": (0, torch.float32), "zonal": (11, torch.float32)}
TEXTS = (
    "a glacier calving into a fjord", "Salzwüste im Osten", "чёрные пески", "北京的沙漠", "x",
    "Ibi is a town on the south bank of the Benue River. It has a market and a ferry. " * 8,
)  # fmt: skip


class CannotExport(ConfigError):
    """An encoder that has no graph."""


def export_encoders(checkpoint: Checkpoint, folder: Path | None = None) -> tuple[Path, Exported]:
    """Write the graphs of all encoders that can have one; ``folder``: beside the model, or in the user's cache where that cannot be
    written. Raises ``CheckpointError`` if a graph gives other vectors than torch, and then writes nothing."""
    folder = folder or writable_of(checkpoint.path.parent, checkpoint.digest)
    with made_whole(folder, CheckpointError) as partial:
        partial.mkdir()
        exported = Exported(model_digest=checkpoint.digest, readings=_readings(checkpoint))
        for modality in MODALITIES:
            if checkpoint.learnt(modality):
                try:
                    made = _EXPORT[modality](checkpoint, partial)
                    exported = exported.model_copy(update={modality: made})
                except CannotExport as error:
                    exported = exported.model_copy(update={"missing": {**exported.missing, modality: str(error)}})
        (partial / FILE).write_text(exported.model_dump_json(indent=1, exclude_defaults=False))
        _compare(checkpoint, LightEncoders(checkpoint.path, partial, exported))
        if folder.is_dir():  # of an older export
            for path in partial.iterdir():
                path.replace(folder / path.name)
    return folder, exported


def _readings(checkpoint: Checkpoint) -> dict[Modality, str]:
    modules = {each: load(ENCODERS[ENCODER_OF[each]], checkpoint.card.config.encoder(each).name) for each in MODALITIES}
    readings = {each: getattr(module, "READING", None) for each, module in modules.items()}
    return {each: reading for each, reading in readings.items() if reading is not None}


def _export_texts(checkpoint: Checkpoint, folder: Path) -> Texts:
    encoder = checkpoint.encoder("articles", torch.device("cpu"))
    parts = getattr(encoder, "parts", (encoder,))
    names = tuple(_part_name(part) for part in parts)
    words = next((part for part in parts if isinstance(part, WordIds)), None)
    head = copy.deepcopy(cast(nn.Module, encoder))
    for module in head.modules():
        bag = getattr(module, "bag", None)
        if isinstance(bag, WordBag):
            module.bag = _DenseBag(bag)
    passages = torch.randn(RECORDS, encoder.passages, encoder.feature_dim)
    if words is not None:
        passages[..., -words.feature_dim :] = torch.arange(words.feature_dim) - 1.0
    present = torch.arange(encoder.passages)[None] < torch.tensor([[encoder.passages], [1], [1]])
    _write(folder / "articles.onnx", head, {"passages": passages, "present": present}, checkpoint, "articles")
    if "minilm" in names:
        _write_minilm(folder / "minilm.onnx")
    says = encoder if isinstance(encoder, SaysWhatItReads) else None
    return Texts(
        parts=names, bits=words.bits if words else 0, words=words.feature_dim if words else 0, passages=encoder.passages,
        languages=says.languages if says else (), scripts=says.scripts if says else (),
    )  # fmt: skip


def _part_name(part: object) -> Any:
    key = str(getattr(part, "feature_key", "")) if isinstance(part, TextHead | WordIds) else ""
    name = next((name for name, start in (("minilm", "minilm_"), ("use", "use_"), ("words", "words")) if key.startswith(start)), "")
    if not name:
        raise CannotExport(f"the texts' backbone {type(part).__name__} is read by torch only")
    return name


class _DenseBag(nn.Module):
    """What ``WordBag`` computes, with a place for each word that is absent: a graph has no ragged sums."""

    def __init__(self, bag: WordBag) -> None:
        super().__init__()
        self.vectors, self.weights = bag.vectors, bag.weights

    def forward(self, ids: Tensor) -> Tensor:
        from train.text.word_bag import ENOUGH, WEIGHT_GAIN

        words = ids.clamp(min=0).long()
        weight = (WEIGHT_GAIN * self.weights[words]).clamp(-8, 8).exp() * (ids >= 0)
        summed = (weight[..., None] * self.vectors[words]).sum(dim=-2)
        return summed / (weight.sum(dim=-1) + ENOUGH)[..., None]


def _export_places(checkpoint: Checkpoint, folder: Path) -> Places:
    encoder = checkpoint.encoder("locations", torch.device("cpu"))
    lat, lon = (torch.from_numpy(each) for each in fibonacci_sphere(RECORDS))
    apart = encoder.appearance_dim if isinstance(encoder, HasAppearance) else 0
    if isinstance(encoder, ReadsEarthInputs):
        names, degrees = encoder.earth_inputs
        made = _made(encoder, lat, lon, degrees)
        inputs: dict[str, Tensor] = {name: made[name]().float() for name in names}
        network = _Called(encoder, lambda module, *each: module.from_inputs(*each))
        _write(folder / "locations.onnx", network, inputs, checkpoint, "locations")
        return Places(inputs=names, degrees=degrees, appearance_dim=apart)
    _write(folder / "locations.onnx", cast(nn.Module, encoder), {"lat": lat, "lon": lon}, checkpoint, "locations")
    return Places(appearance_dim=apart)


def _made(encoder: Any, lat: Tensor, lon: Tensor, degrees: int) -> dict[str, Callable[[], Tensor]]:
    from train.nets.harmonics import real_harmonics
    from train.nets.zonal import zonal

    return {"look": lambda: encoder.look(lat, lon), "zonal": lambda: zonal(lat), "waves": lambda: real_harmonics(lat, lon, degrees)}


def _export_tiles(checkpoint: Checkpoint, folder: Path) -> dict[str, Sensor]:
    encoder = checkpoint.encoder("tiles", torch.device("cpu"))
    if not isinstance(encoder, SeesOneSize):
        raise CannotExport(f"{type(encoder).__name__} does not say which size of tiles it sees")
    said = {}
    for name in encoder.sensors:
        try:
            wanted, side = encoder.seen_as(name)
        except ConfigError as error:
            raise CannotExport(str(error)) from None
        shape = (RECORDS, len(wanted.bands))
        inputs = {"pixels": torch.randn(*shape, side, side), "present": torch.ones(shape), "context": UNKNOWN.expand(RECORDS, -1)}
        _write(folder / f"tiles_{name}.onnx", _Called(encoder, _of_sensor(name)), inputs, checkpoint, "tiles")
        said[name] = Sensor(bands=wanted.bands, mean=wanted.mean, std=wanted.std, white=wanted.white, size_px=side)
    return said


def _of_sensor(name: str) -> Callable[..., Tensor]:
    def encode(tower: Any, pixels: Tensor, present: Tensor, context: Tensor) -> Tensor:
        vectors: Tensor = tower(pixels, present, name, context) if isinstance(tower, ReadsContext) else tower(pixels, present, name)
        return vectors

    return encode


class _Called(nn.Module):
    """An encoder of which ``call`` is traced."""

    def __init__(self, encoder: LocationEncoder | ImageEncoder, call: Callable[..., Tensor]) -> None:
        super().__init__()
        self.encoder = cast(nn.Module, encoder)
        self._call = call

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._call(self.encoder, *inputs)


_EXPORT: dict[Modality, Callable[[Checkpoint, Path], Any]] = {
    "articles": _export_texts, "locations": _export_places, "tiles": _export_tiles,
}  # fmt: skip


def _write(path: Path, network: nn.Module, inputs: dict[str, Tensor], checkpoint: Checkpoint, modality: Modality) -> None:
    prefix = f"encoders.{modality}."
    kinds = {name.removeprefix(prefix): tensor.dtype for name, tensor in mapped_tensors(checkpoint.path).items()}
    path.write_bytes(without_weights(traced(network, inputs), kinds))


def _write_minilm(path: Path) -> None:
    """MiniLM up to the mean over its word pieces; its weights are inputs too, from the package's file."""
    tolerate_missing_operators()
    transformers = extra("transformers")
    logging = extra("transformers.utils").logging
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # it would list the weights that a mean does not need
    folder = minilm.weights_file().parent
    bert = transformers.BertModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, attn_implementation="eager"
    ).eval()

    def mean(module: Any, pieces: Tensor, mask: Tensor) -> Tensor:
        states, weight = module(input_ids=pieces, attention_mask=mask).last_hidden_state, mask[..., None].float()
        return cast(Tensor, (states * weight).sum(dim=1) / weight.sum(dim=1))

    pieces, mask = torch.tensor([[101, 2000, 3000, 102], [101, 2000, 102, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    graph = traced(_Called(bert, mean), {"pieces": pieces, "mask": mask}, lengths=True)
    kinds = {name: tensor.dtype for name, tensor in mapped_tensors(minilm.weights_file()).items()}
    path.write_bytes(without_weights(graph, kinds))


def traced(network: nn.Module, inputs: dict[str, Tensor], *, lengths: bool = False) -> Any:
    """The ONNX model, for any number of records, and with ``lengths`` any length too. Raises ``CannotExport`` with the reason."""
    onnx, file = extra("onnx"), BytesIO()
    export: Any = torch.onnx.export  # its stub lacks files in memory, which this way of tracing takes
    axes = {name: {0: "records", **({1: "length"} if lengths else {})} for name in inputs}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of this way of tracing being the older one, and of branches that stay as they are
            export(
                network.eval(), tuple(inputs.values()), file, input_names=list(inputs), output_names=["vectors"],
                dynamic_axes={**axes, "vectors": {0: "records"}}, opset_version=OPSET, do_constant_folding=False, dynamo=False,
            )  # fmt: skip
    except (RuntimeError, ValueError, TypeError) as error:  # torch.onnx has errors of all these kinds
        raise CannotExport(f"{type(network).__name__} cannot be traced: {one_line(error)[:200]}") from None
    return onnx.load_model_from_string(file.getvalue())


def without_weights(model: Any, stored: Mapping[str, npt.DTypeLike]) -> bytes:
    """The same graph with every weight of the ``stored`` names as an input. One in half precision that is only looked up in stays
    so; all others are given in single precision."""
    onnx = extra("onnx")
    graph, kept = model.graph, []
    for weight in graph.initializer:
        name = weight.name.removeprefix("encoder.")
        if name not in stored:
            kept.append(weight)
            continue
        users = [node for node in graph.node if weight.name in node.input]
        kind = weight.data_type
        if stored[name] == np.float16 and all(node.op_type == "Gather" and node.input[0] == weight.name for node in users):
            kind = onnx.TensorProto.FLOAT16
            for node in users:
                at = list(graph.node).index(node) + 1
                plain, node.output[0] = node.output[0], f"{node.output[0]}_half"
                graph.node.insert(at, onnx.helper.make_node("Cast", [node.output[0]], [plain], to=onnx.TensorProto.FLOAT))
        for node in users:
            for place, given in enumerate(node.input):
                if given == weight.name:
                    node.input[place] = name
        graph.input.append(onnx.helper.make_tensor_value_info(name, kind, list(weight.dims)))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return cast(bytes, model.SerializeToString())


def _compare(checkpoint: Checkpoint, light: LightEncoders) -> None:
    """Raises ``CheckpointError`` unless each graph gives torch's vectors for a few records."""
    oracle = TorchEncoders(checkpoint, choose_device("cpu"))
    lat, lon = (np.append(each, more) for each, more in zip(fibonacci_sphere(64), ([90.0, -90.0], [0.0, 0.0]), strict=True))
    pairs: dict[Modality, Callable[[Any], Vectors]] = {
        "articles": lambda encoders: encoders.texts(TEXTS, TEXTS),
        "locations": lambda encoders: encoders.places(lat, lon),
        "tiles": lambda encoders: encoders.tiles(_tiles(light.exported.tiles or {})),
    }
    for modality, vectors_by in pairs.items():
        if light.exported.has(modality):
            cosine = float((vectors_by(light) * vectors_by(oracle)).sum(axis=1).min())
            if not cosine > LEAST_COSINE:
                raise CheckpointError(
                    f"the graph of {modality} gives other vectors than torch (a cosine of {cosine:.5f}, at least {LEAST_COSINE} is "
                    "expected); nothing was written, and torch answers as before"
                )


def _tiles(sensors: Mapping[str, Sensor]) -> list[Shown]:
    """Of each sensor one with all bands and one with those of its colours."""
    rng, tiles = np.random.default_rng(0), []
    for name in sensors:
        sensor = SENSORS[name]
        for bands, level, date in ((sensor.bands, "L2A", "2021-07-01"), (sensor.rgb, "", "")):
            mean, std = (
                np.array([dict(zip(sensor.bands, each, strict=True))[band] for band in bands]) for each in (sensor.mean, sensor.std)
            )
            values = (mean + 0.5 * std * rng.normal(size=(48, 40, len(bands)))).clip(0) / sensor.scale
            tiles.append(Shown(values.transpose(2, 0, 1).round().astype(np.uint16), bands, name, level, date))
    return tiles
