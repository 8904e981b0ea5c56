"""``/search``, ``/export`` and ``/embed``: hits, hits as a file, vectors."""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from index.errors import InputError
from index.records import Place
from index.settings import Settings
from retrieval.asking.parts import MAX_TEXT_CHARACTERS
from retrieval.asking.question import MAX_K, Question
from retrieval.asking.sentence.read import read_question
from retrieval.export import Origin, export_hits
from ui.server.cursor import Cursor
from ui.server.routes import answers
from ui.server.routes.common import attachment, files
from ui.server.routes.parameters import PAGE_HITS, Asked, AskedByPage, OfCatalogue, PageOfCatalogue
from ui.server.turns import EXPORTS, SEARCHES
from ui.server.workspace import Workspace

MAX_TEXTS, MAX_PLACES = 64, 1000
MEDIA_TYPES = {
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
router = APIRouter(tags=["search"])


@router.get(
    "/search",
    summary="Places, articles and tiles that fit a question",
    response_model=answers.Answer,
    response_model_exclude_unset=True,
    dependencies=[SEARCHES.needed],
)
def search(given: Annotated[AskedByPage, Query()]) -> dict[str, Any]:
    """Hits of each kind, best first, with cosine, percentile and distance, a page at a time: `next` in the answer is the `cursor`
    of the following one, up to 10,000 hits. `ask` in the answer is the question for an address."""
    return _page(given.workspace, given.question, given.cursor, given.explain)


@router.post(
    "/search",
    summary="The same for a question as JSON",
    response_model=answers.Answer,
    response_model_exclude_unset=True,
    dependencies=[SEARCHES.needed],
)
def search_json(question: Question, given: Annotated[PageOfCatalogue, Query()]) -> dict[str, Any]:
    """Several parts with weights of their own. `k` is at most 200 here."""
    return _page(given.workspace, question, given.cursor, given.explain)


@router.get(
    "/export.{ending}",
    summary="Hits as a file",
    response_class=Response,
    responses=files(*MEDIA_TYPES.values()),
    dependencies=[EXPORTS.needed],
)
def export(ending: Literal["geojson", "csv", "parquet"], given: Annotated[Asked, Query()]) -> Response:
    """GeoJSON (RFC 7946), CSV, or GeoParquet that says which model its hits are from; all in one, so that `k` may be 10,000."""
    space, answer = given.workspace.space, given.workspace.answer(given.question)
    with TemporaryDirectory(prefix="placebind-") as folder:
        file = Path(folder) / f"placebind-hits.{ending}"
        export_hits(answer, file, Origin(query=answer.query, model_digest=space.checkpoint.digest, dim=space.dim))
        return attachment(file, MEDIA_TYPES[ending])


class ToEmbed(Settings):
    """Texts and places to make vectors of."""

    texts: tuple[Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)], ...] = Field((), max_length=MAX_TEXTS)
    places: tuple[Place, ...] = Field((), max_length=MAX_PLACES)


@router.post(
    "/embed",
    summary="Vectors of texts and places in the shared space",
    response_model=answers.Vectors,
    response_model_exclude_unset=True,
    dependencies=[SEARCHES.needed],
)
def embed(texts_and_places: Annotated[ToEmbed, Body()], given: Annotated[OfCatalogue, Query()]) -> dict[str, Any]:
    """Unit vectors; their inner product is the cosine. Compare only vectors with the same `model_digest`."""
    if not (texts_and_places.texts or texts_and_places.places):
        raise InputError("give texts or places to embed")
    space = given.workspace.space
    vectors = {name: each.round(7).tolist() for name, each in _vectors(space, texts_and_places)}
    return {"dim": space.dim, "model_digest": space.checkpoint.digest, **vectors}


def _vectors(space: Any, given: ToEmbed) -> Iterator[tuple[str, Any]]:
    if given.texts:
        yield "texts", space.embed_texts(given.texts)
    if given.places:
        yield "places", space.embed_places([each.lat for each in given.places], [each.lon for each in given.places])


def _page(workspace: Workspace, question: Question, cursor: str, explain: bool | None) -> dict[str, Any]:
    if question.k > PAGE_HITS:
        raise InputError(f"a page has at most {PAGE_HITS} hits of each kind, got k = {question.k}; go on with `cursor`, or export")
    started, version = time.perf_counter(), workspace.version
    understood, _ = read_question(question)  # the same for the question as it was asked and as the answer has it
    skip = Cursor.read(cursor, version, understood).skip if cursor else 0
    asked = question.changed(k=min(question.k, MAX_K - skip))
    answer = workspace.answer(asked, skip=skip, explain=explain)
    following = skip + asked.k
    is_last = following >= MAX_K or all(len(hits) < asked.k for hits in answer.hits.values())
    ms = {"total": 1000 * (time.perf_counter() - started), **answer.stages_ms}
    return {
        **answer.as_dict(),
        "question": understood,
        "ask": understood.to_link(),
        "next": None if is_last else Cursor.at(following, version, understood).text(),
        "ms": {name: round(value, 2) for name, value in ms.items()},
    }
