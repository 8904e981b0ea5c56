"""What a person says that a name in a question means: the correction of a look-up, as data in the question."""

from typing import Annotated, Self

from pydantic import Field, WithJsonSchema

from index.errors import InputError
from index.records import Place
from index.settings import Settings
from retrieval.asking.parts import PLACE_SCHEMA

MOST_CHARACTERS = 200


class Meant(Settings):
    """The candidate nearest to ``place``, or without a place none: the name is a word."""

    @classmethod
    def read(cls, text: str) -> Self:
        """As users write it: 'Vienna=38.9,-77.27', or 'Nice=' for a word that names no place. Raises ``InputError`` for another."""
        name, equals, where = text.rpartition("=")
        try:
            place = [float(number) for number in where.split(",")] if where.strip() else []
        except ValueError:
            place = [0.0]
        if not equals or not name.strip() or len(place) not in (0, 2):
            raise InputError(f"what a name means is written as Vienna=38.9,-77.27, or as Nice= for no place, got '{text[:60]}'")
        return cls(name=name.strip(), place=Place(lat=place[0], lon=place[1]) if place else None)

    name: str = Field(max_length=MOST_CHARACTERS, description="as the text has it; case and accents do not matter")
    place: Annotated[Place, WithJsonSchema(PLACE_SCHEMA)] | None = Field(
        default=None, description="where it is; null: it names no place"
    )
