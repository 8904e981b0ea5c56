"""``/locate``: the places that texts name."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import Field

from index.settings import Settings
from retrieval.asking.names.documents import LEAST, Document, located
from retrieval.asking.parts import MAX_TEXT_CHARACTERS
from ui.server.routes import answers
from ui.server.routes.parameters import OfCatalogue
from ui.server.turns import SEARCHES

MAX_TEXTS = 1_000
router = APIRouter(tags=["search"])


class ToLocate(Settings):
    """Texts to find places in."""

    texts: tuple[Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)], ...] = Field(min_length=1, max_length=MAX_TEXTS)
    least: float = Field(LEAST, ge=0, le=1, description="leave out what is less likely a place")


@router.post("/locate", summary="The places that texts name", response_model=answers.Located, dependencies=[SEARCHES.needed])
def locate(asked: Annotated[ToLocate, Body()], given: Annotated[OfCatalogue, Query()]) -> dict[str, Any]:
    """Every name that the gazetteer knows, with its offsets in the text, its position, country and confidence, and what else it may
    mean. No model is asked; of the catalogue only the names that it brought."""
    documents = (Document(str(number), text) for number, text in enumerate(asked.texts, 1))
    return {
        "texts": [
            [named.as_dict() for named in each.names] for each in located(documents, given.workspace.space.gazetteers, asked.least)
        ]
    }
