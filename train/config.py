"""All settings of a training run, with their defaults: defaults < TOML file < flags. The checkpoint holds them completely."""

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from index.errors import ConfigError
from index.records import Modality
from index.registry import Component, resolve
from index.settings import Settings
from train.batching.sampling import SamplingOptions
from train.objective.teacher import TeacherOptions

ENCODER_OF: dict[Modality, str] = {"locations": "location", "articles": "text", "tiles": "image"}  # field of a configuration
ENCODERS = {"location": "train.encoders.location", "text": "train.encoders.text", "image": "train.encoders.image"}


class Base(Settings):
    """The finished checkpoint that a run starts from: its folder, and the digest of its file."""

    folder: Path
    digest: str


class TrainConfig(Settings):
    architecture: Component = Component(name="imagebind")
    location: Component = Component(name="sh_siren")
    text: Component = Component(name="minilm")
    image: Component = Component(name="multispectral")
    dim: int = Field(256, ge=2, description="dimension of the shared space")
    modalities: tuple[Literal["articles", "tiles"], ...] = Field((), description="modalities bound to position; default: all")
    base: Base | None = Field(
        None, description="finished checkpoint of which all is kept but the tower of the one modality in `modalities`"
    )
    steps: int = Field(400, ge=1)
    article_batch: int = Field(1024, ge=2, description="articles per step, all devices together")
    tile_batch: int = Field(96, ge=2, description="tiles per step, all devices together")
    encode_chunk: int = Field(0, ge=0, description="records encoded at a time where a batch does not fit into memory; 0: all")
    sampling: SamplingOptions = SamplingOptions()
    sentence_share: float = Field(0.25, ge=0, le=1, description="share of a batch's articles that are seen as one sentence only")
    masked_share: float = Field(
        0.0, ge=0, le=1, description="share of a batch's articles that are seen without the names in them; needs the [demo] extra"
    )
    few_bands_share: float = Field(0.0, ge=0, le=1, description="share of a batch's tiles that are seen in a few bands only")
    hidden_context_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of a batch's tiles that are seen without level, month or both, for towers that read them",
    )
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    warmup_steps: int = Field(20, ge=0)
    validate_every: int = Field(50, ge=1, description="steps between validations")
    save_every: int = Field(50, ge=1, description="steps between states to resume from")
    patience: int = Field(0, ge=0, description="validations without improvement until training ends early; 0: never")
    teachers: tuple[TeacherOptions, ...] = Field((), description="features of places that the location encoder also learns from")
    half: bool = Field(False, description="save the finished model in half precision (float16)")
    seed: int = Field(0, ge=0)
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu or cuda")
    devices: int = Field(1, ge=1, description="processes, each with a device of its own and its share of every batch")
    compile: bool = Field(False, description="compile the encoders (torch.compile): worthwhile on GPUs and in long runs")

    @model_validator(mode="before")
    @classmethod
    def _one_teacher(cls, values: Any) -> Any:
        """``teacher`` is the first of the teachers: the short way to write one, and what older checkpoints hold."""
        more = values.get("teachers", ()) if isinstance(values, dict) else None
        if not isinstance(more, list | tuple) or "teacher" not in values:
            return values
        others = {key: value for key, value in values.items() if key != "teacher"}
        return others if values["teacher"] is None else {**others, "teachers": (values["teacher"], *more)}

    @classmethod
    def load(cls, file: Path | None = None, settings: tuple[str, ...] = (), *, defaults: Self | None = None, **flags: Any) -> Self:
        """Merge a TOML file, ``key.sub=value`` settings (TOML values; bare words are strings) and flags that are not None; a
        component's flag is its name. ``defaults`` are used instead of the usual ones."""
        values: dict[str, Any] = {}
        if file is not None:
            try:
                values = tomllib.loads(file.read_text())
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                raise ConfigError(f"{file}: not a readable TOML file ({error})") from None
        for setting in settings:
            _assign(values, setting)
        for field, value in flags.items():
            if value is not None:
                values[field] = (
                    value if isinstance(value, dict) or not _is_component(cls, field) else _named(values.get(field), value)
                )
        for field, default in defaults or cls.parse({}, where="defaults"):
            values[field] = _completed(values[field], default) if field in values else default
        return cls.parse(values, where=str(file or "training settings")).resolved()

    def resolved(self) -> Self:
        """The same with every option of every component spelt out. Raises ``ConfigError`` also for settings that conflict."""
        for name in ("article_batch", "tile_batch"):
            if getattr(self, name) % self.devices:
                raise ConfigError(
                    f"{name} {getattr(self, name)} is not a multiple of devices {self.devices}; every device takes equally many"
                )
        if self.encode_chunk and self.devices > 1:
            raise ConfigError("encode_chunk works on one device; use devices=1, or smaller batches on each")
        if self.teachers and self.devices > 1:
            raise ConfigError("a teacher runs on one device; use devices=1")
        for teacher in self.teachers:
            resolve("train.probing.features", teacher.name, teacher.options)
        if self.sentence_share + self.masked_share > 1:
            raise ConfigError(
                f"sentence_share {self.sentence_share} and masked_share {self.masked_share} are shares of one batch; "
                "together they are at most 1"
            )
        if ":" in self.device and self.devices > 1:
            raise ConfigError(
                f"device={self.device} is one device, devices={self.devices} is several; use device=cuda for the first ones"
            )
        registries = {"architecture": "train.objective.architectures", **ENCODERS}
        full = {}
        for field, registry in registries.items():
            component: Component = getattr(self, field)
            shared = {"dim": self.dim} if field in ENCODERS else {}
            if shared and component.options.get("dim", self.dim) != self.dim:
                own = component.options["dim"]
                raise ConfigError(
                    f"{field}.options.dim is {own!r}, but all encoders share one dimension, here {self.dim}; set it once: dim={own}"
                )
            options = resolve(registry, component.name, {**component.options, **shared})
            full[field] = Component(name=component.name, options=options.model_dump(mode="json"))
        return self.model_copy(update=full)

    def encoder(self, modality: Modality) -> Component:
        """The encoder of one modality."""
        component: Component = getattr(self, ENCODER_OF[modality])
        return component


def _is_component(config: type[Settings], field: str) -> bool:
    return field in config.model_fields and isinstance(config.model_fields[field].default, Component)


def _named(given: Any, name: str) -> dict[str, Any]:
    """The component of this name, with the options given for it or for no component in particular."""
    same = isinstance(given, dict) and str(given.get("name", name)).replace("-", "_") == name.replace("-", "_")
    options = given.get("options", {}) if same else {}
    return {"name": name, "options": options}


def _completed(given: Any, default: Any) -> Any:
    """What was given for a field, with the rest as in its default; options without a name mean the default component's."""
    if not isinstance(given, dict) or not isinstance(default, Settings):
        return given
    values = {**default.model_dump(), **given}
    if isinstance(default, Component) and isinstance(values["options"], dict):
        values["options"] = {**_named(default.model_dump(), str(values["name"]))["options"], **given.get("options", {})}
    return values


def _assign(values: dict[str, Any], setting: str) -> None:
    path, equals, text = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set needs key=value, got '{setting}'")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = path.strip().split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {setting}: '{parent}' is a value and has no settings of its own")
    values[last] = value
