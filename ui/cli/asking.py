"""The flags of a question, shared by every command that asks one, made into a ``Question``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from index.errors import InputError
from index.records import MODALITIES, Place

if TYPE_CHECKING:  # both take a second to import
    from retrieval.asking.parts import Item
    from retrieval.asking.question import Question

TextArgument = Annotated[str | None, typer.Argument(help="what to look for, in words")]
ImageFlag = Annotated[Path | None, typer.Option(help="a picture to ask with: GeoTIFF, PNG, JPEG or WebP")]
LatFlag = Annotated[float | None, typer.Option(help="latitude to ask with, WGS84 degrees")]
LonFlag = Annotated[float | None, typer.Option(help="longitude to ask with, WGS84 degrees")]
LikeFlag = Annotated[list[str] | None, typer.Option(help="a record to ask with, as articles:ID; may be repeated")]
UnlikeFlag = Annotated[list[str] | None, typer.Option(help="a record or a text to ask away from; may be repeated")]
EitherFlag = Annotated[bool, typer.Option("--either", help="hits need to fit only one of the things asked for, not their sum")]


def asked(
    text: str | None,
    *,
    image: Path | None = None,
    lat: float | None = None,
    lon: float | None = None,
    like: Sequence[str] = (),
    unlike: Sequence[str] = (),
    either: bool = False,
    **settings: Any,
) -> "Question":
    """Everything given, with equal weights. Raises ``InputError`` if nothing was given."""
    from retrieval.asking.question import Question

    if (lat is None) != (lon is None):
        raise InputError("a place needs both --lat and --lon")
    place = Place(lat=lat, lon=lon) if lat is not None and lon is not None else None
    if text is None and image is None and place is None and not like:
        raise InputError("ask with a text, an image (--image), a place (--lat and --lon) or a record (--like)")
    return Question.of(
        text, image=image, place=place, like=[_item(each) for each in like],
        unlike=[_item(each) if _names_item(each) else each for each in unlike],
        combine="max" if either else "mean", **settings,
    )  # fmt: skip


def _names_item(text: str) -> bool:
    return text.partition(":")[0] in MODALITIES


def _item(text: str) -> "Item":
    from retrieval.asking.parts import Item

    modality, _, id_ = text.partition(":")
    for known in MODALITIES:
        if modality == known:
            return Item(known, id_)
    raise InputError(f"a record is named as articles:ID, tiles:ID or locations:ID, got '{text[:60]}'; copy the ID from --json")
