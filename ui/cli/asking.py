"""The flags of a question, shared by every command that asks one, made into a ``Question``."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from index.errors import InputError
from ui.console import remark

if TYPE_CHECKING:  # it takes a second to import
    from retrieval.asking.question import Question

TextArgument = Annotated[str | None, typer.Argument(help="what to look for, in words")]
ImageFlag = Annotated[Path | None, typer.Option(help="a picture to ask with: GeoTIFF, PNG, JPEG or WebP")]
LatFlag = Annotated[float | None, typer.Option(help="latitude to ask with, WGS84 degrees")]
LonFlag = Annotated[float | None, typer.Option(help="longitude to ask with, WGS84 degrees")]
LikeFlag = Annotated[list[str] | None, typer.Option(help="a record to ask with, as articles:ID; may be repeated")]
UnlikeFlag = Annotated[list[str] | None, typer.Option(help="a record or a text to ask away from; may be repeated")]
VerbatimFlag = Annotated[
    bool, typer.Option("--verbatim", help="take the text as it is: read no coordinates and no filters out of it")
]
NamesFlag = Annotated[bool, typer.Option("--names/--no-names", help="look up the places that the text names, beside its meaning")]
MeantFlag = Annotated[
    list[str] | None,
    typer.Option("--meant", help="what a name in the text means, as Vienna=38.9,-77.27; Nice= is no place; may be repeated"),
]
EitherFlag = Annotated[bool, typer.Option("--either", help="hits need to fit only one of the things asked for, not their sum")]


class Asking(TyperCommand):
    """A command whose text may begin with a minus: '-33.92, 18.42' is a place, not an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(self._texts(args)))

    def _texts(self, args: list[str]) -> Iterator[str]:
        """The arguments, a blank before each that begins like a negative number and is not the value of an option."""
        takes_value = {name for each in self.params if not getattr(each, "is_flag", True) for name in each.opts}
        before = ""
        for each in args:
            yield f" {each}" if re.match(r"[-−]\.?\d", each) and before not in takes_value else each
            before = each


def say_if_names_are_prepared(names: bool = True) -> None:
    """The first use of names on a machine takes some seconds, which would be a riddle without a word."""
    from index.places.world_names import are_compiled, names_are_known

    if names and names_are_known() and not are_compiled():
        remark("preparing the names of places, once: some 15 seconds")


def asked(
    text: str | None,
    *,
    image: Path | None = None,
    lat: float | None = None,
    lon: float | None = None,
    like: Sequence[str] = (),
    unlike: Sequence[str] = (),
    either: bool = False,
    meant: Sequence[str] = (),
    **settings: Any,
) -> "Question":
    """Everything that was asked with, each counting the same. Raises ``InputError`` if it was nothing."""
    from index.records import Place
    from retrieval.asking.names.meant import Meant
    from retrieval.asking.parts import Item
    from retrieval.asking.question import Question

    if (lat is None) != (lon is None):
        raise InputError("a place needs both --lat and --lon")
    place = Place(lat=lat, lon=lon) if lat is not None and lon is not None else None
    if text is None and image is None and place is None and not like:
        raise InputError("ask with a text, an image (--image), a place (--lat and --lon) or a record (--like)")
    return Question.of(
        text, image=image, place=place, like=[Item.named(each) for each in like],
        unlike=[Item.named(each) if Item.is_name(each) else each for each in unlike],
        combine="max" if either else "mean", meant=[Meant.read(each) for each in meant], **settings,
    )  # fmt: skip
