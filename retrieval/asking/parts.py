"""What a question is made of: texts, images, places and stored records, each with a weight. A ``Space`` makes vectors of them."""

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, field_validator, model_validator

from index.errors import InputError
from index.records import MODALITIES, Modality, Place, Tile
from index.settings import Settings, check_characters
from retrieval.asking.photo import Photo, content, read_image

Vectors = npt.NDArray[np.float32]
MAX_TEXT_CHARACTERS = 2**20  # a book; ``Space.embed_texts`` reads as much of it as a tower can see
HEAVIEST = 10.0
LABEL_CHARACTERS = 200
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)  # what ``index.records.content_id`` makes
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
Pictures = Callable[[str], bytes]  # the bytes of a picture by its name; raises a ``PlaceBindError`` for an unknown name


class Encoders(Protocol):
    """What a question needs of a ``Space``. All vectors are [N, dim] float32 of unit norm."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors: ...

    def embed_places(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> Vectors: ...

    def embed_images(self, images: Sequence[Tile | Photo]) -> Vectors: ...

    def embed_records(self, modality: Modality, ids: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True, slots=True)
class Item:
    """A record of the catalogue. Raises ``InputError`` for an impossible id (ids come from outside and go into SQL)."""

    modality: Modality
    id: str

    def __post_init__(self) -> None:
        if self.modality not in MODALITIES:
            raise InputError(f"a stored item is one of {', '.join(MODALITIES)}, got '{self.modality}'")
        if not _ID.fullmatch(self.id):
            raise InputError(f"an id has 32 hexadecimal digits, got '{self.id[:40]}'; copy it from a hit")

    @classmethod
    def named(cls, text: str) -> Self:
        """The record that users write as 'articles:ID'."""
        if not cls.is_name(text):
            raise InputError(f"a record is named as {':ID, '.join(MODALITIES)}:ID, got '{text[:60]}'; copy the ID from a hit")
        modality, _, id_ = text.partition(":")
        return cls(modality, id_)  # type: ignore[arg-type]  # checked again above

    @staticmethod
    def is_name(text: str) -> bool:
        """Whether it starts as a name does; else it is words."""
        return text.partition(":")[0] in MODALITIES and ":" in text


@dataclass(frozen=True, slots=True)
class Picture:
    """An image: its file, its bytes, what was read from them, or the ``name`` under which it is stored (``Pictures``).

    Raises ``InputError`` for an invalid name.
    """

    given: str | Path | bytes | Tile | Photo

    def __post_init__(self) -> None:
        if isinstance(self.given, str) and not _SHA256.fullmatch(self.given):
            raise InputError(f"an image is named by its SHA-256, 64 hexadecimal digits, got '{self.given[:70]}'; upload it first")

    @property
    def name(self) -> str:
        """The SHA-256 of its content, in hexadecimal. Raises ``InputError`` for a file that cannot be read."""
        if isinstance(self.given, str):
            return self.given
        read = self.given.pixels.tobytes() if isinstance(self.given, Tile | Photo) else content(self.given)
        return hashlib.sha256(read).hexdigest()

    @property
    def label(self) -> str:
        if isinstance(self.given, Path):
            return _line(str(self.given))
        return (self.given.title if isinstance(self.given, Tile | Photo) else "") or "image"

    def read(self, pictures: Pictures) -> Tile | Photo:
        """Raises ``InputError``, with the file's name if it has one, for anything that is not an image or cannot be read."""
        if isinstance(self.given, Tile | Photo):
            return self.given
        try:
            return read_image(pictures(self.given) if isinstance(self.given, str) else self.given)
        except InputError as error:
            raise InputError(f"{self.given if isinstance(self.given, Path) else 'image'}: {error}") from None


def no_pictures(name: str) -> bytes:
    """For callers that store no pictures."""
    raise InputError("the question only names the image; give its file, or ask the server that it was uploaded to")


# A text, an image, a place, a stored record.
Subject = str | Picture | Place | Item
_IMAGE = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "name of an upload: the SHA-256 of its bytes"}
_ITEM = {
    "type": "object",
    "properties": {"modality": {"enum": list(MODALITIES)}, "id": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
    "required": ["modality", "id"],
    "additionalProperties": False,
    "description": "a record of the catalogue",
}
PLACE_SCHEMA = {
    "type": "object",
    "properties": {
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "lon": {"type": "number", "minimum": -180, "maximum": 180},
    },
    "required": ["lat", "lon"],
    "additionalProperties": False,
    "description": "a point in WGS84 degrees",
}


def _picture(given: Any) -> Any:
    return Picture(given) if isinstance(given, str | Path | bytes | Tile | Photo) else given


class Part(Settings):
    """One thing asked for (``weight`` > 0) or asked away from (< 0): one of a text, a place, a record or an image. Only ratios of
    weights matter. Raises ``InputError`` for invalid text, and for a weight of 0 or beyond 10."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    text: str | None = Field(default=None, max_length=MAX_TEXT_CHARACTERS, description="words")
    place: Annotated[Place, WithJsonSchema(PLACE_SCHEMA)] | None = None
    record: Annotated[Item, WithJsonSchema(_ITEM)] | None = None
    image: Annotated[
        Picture, BeforeValidator(_picture), PlainSerializer(lambda picture: picture.name), WithJsonSchema(_IMAGE)
    ] | None = None  # fmt: skip
    weight: float = Field(default=1.0, ge=-HEAVIEST, le=HEAVIEST, description="negative: away from it")

    @classmethod
    def of(cls, what: Subject | Path | bytes | Tile | Photo, weight: float = 1.0) -> Self:
        """A part of the kind that fits ``what``; a file, its bytes, a tile or a photo is an image."""
        kind = "text" if isinstance(what, str) else "place" if isinstance(what, Place) else "record"
        return cls.parse({kind if isinstance(what, str | Place | Item) else "image": what, "weight": weight}, where="part")

    @property
    def what(self) -> Subject:
        given = (self.text, self.place, self.record, self.image)
        return next(each for each in given if each is not None)

    @property
    def modality(self) -> Modality:
        """The modality whose encoder reads it."""
        if self.record is not None:
            return self.record.modality
        return "articles" if self.text is not None else "locations" if self.place is not None else "tiles"

    @property
    def label(self) -> str:
        """The part in one short line, as an explanation shows it."""
        if self.place is not None:
            return f"place {self.place.lat:.4f}, {self.place.lon:.4f}"
        if self.record is not None:
            return f"{self.record.modality} {self.record.id}"
        return self.image.label if self.image is not None else _line(str(self.text))

    def read(self, pictures: Pictures = no_pictures) -> tuple[str | Tile | Photo | Place | Item, Place | None]:
        """What an encoder reads, and its place if the image states one. Raises ``InputError`` for an image that cannot be read."""
        if self.image is None:
            return self.what, self.place  # type: ignore[return-value]  # never a Picture here
        image = self.image.read(pictures)
        return image, image.place

    @field_validator("text", mode="before")
    @classmethod
    def _is_text(cls, text: Any) -> Any:
        if isinstance(text, str):
            check_characters(text, "the text")
        return text

    @field_validator("weight", mode="before")
    @classmethod
    def _weighs(cls, weight: Any) -> Any:
        if isinstance(weight, int | float) and not 0 < abs(weight) < math.inf:  # JSON has integers that no float can hold
            raise InputError(f"the weight of a part must be a number other than 0, got {weight}; leave the part out")
        return weight

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        given = [name for name in ("text", "place", "record", "image") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a part needs exactly one of text, place, record or image, got {', '.join(given) or 'none'}")
        return self


def embed(what: str | Tile | Photo | Place | Item, space: Encoders) -> Vectors:
    """[D] of unit norm. One at a time, because questions have few parts."""
    if isinstance(what, str):
        return space.embed_texts([what])[0]
    if isinstance(what, Tile | Photo):
        return space.embed_images([what])[0]
    if isinstance(what, Place):
        return space.embed_places(what.lat, what.lon)[0]
    return space.embed_records(what.modality, [what.id])[0]


def _line(text: str) -> str:
    return " ".join(text[:LABEL_CHARACTERS].split())
