"""What a person says that a name in a question means: the correction of a look-up, as data in the question."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from index.records import Place
from index.settings import Settings
from retrieval.asking.parts import PLACE_SCHEMA

MOST_CHARACTERS = 200


class Meant(Settings):
    """The candidate nearest to ``place``, or without a place none: the name is a word."""

    name: str = Field(max_length=MOST_CHARACTERS, description="as the text has it; case and accents do not matter")
    place: Annotated[Place, WithJsonSchema(PLACE_SCHEMA)] | None = Field(
        default=None, description="where it is; null: it names no place"
    )
