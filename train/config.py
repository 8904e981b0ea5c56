"""Everything that a training run can be told, with its defaults: defaults < TOML file < flags. Goes into the checkpoint whole."""

import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from index.errors import ConfigError
from index.registry import resolve
from index.settings import Settings


class Part(Settings):
    """One exchangeable part: the module's name and its options."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)


class TrainConfig(Settings):
    architecture: Part = Part(name="imagebind")
    location: Part = Part(name="sh_siren")
    text: Part = Part(name="minilm")
    image: Part = Part(name="multispectral")
    dim: int = Field(256, ge=2, description="dimension of the shared space")
    steps: int = Field(400, ge=1)
    article_batch: int = Field(1024, ge=2)
    tile_batch: int = Field(96, ge=2)
    sentence_share: float = Field(0.25, ge=0, le=1, description="share of a batch's articles that are seen as one sentence only")
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    warmup_steps: int = Field(20, ge=0)
    validate_every: int = Field(50, ge=1, description="steps between validations")
    save_every: int = Field(50, ge=1, description="steps between states to resume from")
    seed: int = Field(0, ge=0)
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu or cuda")

    @classmethod
    def load(cls, file: Path | None = None, settings: tuple[str, ...] = (), **flags: Any) -> Self:
        """Merge a TOML file, ``key.sub=value`` settings (TOML values; bare words are strings) and flags that are not None."""
        values: dict[str, Any] = {}
        if file is not None:
            try:
                values = tomllib.loads(file.read_text())
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                raise ConfigError(f"{file}: not a readable TOML file ({error})") from None
        for setting in settings:
            _assign(values, setting)
        values |= {key: value for key, value in flags.items() if value is not None}
        for field, default in cls.model_fields.items():
            if isinstance(default.default, Part) and isinstance(values.get(field), dict):
                values[field] = {"name": default.default.name, **values[field]}  # options alone mean the default part's
        return cls.parse(values, where=str(file or "training settings")).resolved()

    def resolved(self) -> Self:
        """The same with every option of every part spelt out and checked."""
        parts = {
            "architecture": ("train.architectures", {}),
            "location": ("train.encoders.location", {"dim": self.dim}),
            "text": ("train.encoders.text", {"dim": self.dim}),
            "image": ("train.encoders.image", {"dim": self.dim}),
        }
        full = {}
        for field, (package, shared) in parts.items():
            part: Part = getattr(self, field)
            options = resolve(package, part.name, {**part.options, **shared})
            full[field] = Part(name=part.name, options=options.model_dump(mode="json"))
        return self.model_copy(update=full)


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
            raise ConfigError(f"--set {setting}: '{parent}' is a value, it has no settings of its own")
    values[last] = value
