"""What a configuration says of a teacher (``train.objective.distillation``). No torch here: every search reads configurations."""

from typing import Any, Literal

from pydantic import Field

from index.settings import Settings


class TeacherOptions(Settings):
    name: str = Field(description="one of train/probing/features: geoclip, kinds, table …")
    options: dict[str, Any] = Field(default_factory=dict)
    weight: float = Field(0.3, gt=0, description="weight of its loss among the others")
    points: int = Field(
        100_000, ge=1000, description="number of places on land, roughly, that it embeds before training; a table has its own"
    )
    batch: int = Field(1024, ge=2, description="number of these places per step")
    loss: Literal["mse", "cosine"] = Field("mse", description="squared error of each number, or 1 - cosine of the whole vectors")
    prefix: int | None = Field(None, ge=1, description="how many first columns of the hidden layer it teaches; default: all")
