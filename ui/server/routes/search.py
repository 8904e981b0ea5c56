"""``/api/search``, ``/api/export`` and ``/api/embed``: hits, hits as a file, vectors."""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Query, Response
from pydantic import Field

from index.errors import InputError
from index.records import Modality, Place
from index.settings import Settings
from retrieval.asking.parts import MAX_TEXT_CHARACTERS
from retrieval.asking.question import Question
from retrieval.export import Origin, export_hits
from ui.server.routes.common import Served

MAX_K = 200
MAX_TEXTS, MAX_PLACES = 64, 1000
MEDIA_TYPES = {
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
router = APIRouter(tags=["search"])


def asked(
    text: Annotated[str | None, Query(max_length=MAX_TEXT_CHARACTERS, description="what to look for, in words")] = None,
    lat: Annotated[float | None, Query(ge=-90, le=90, description="latitude to ask with, WGS84 degrees")] = None,
    lon: Annotated[float | None, Query(ge=-180, le=180, description="longitude to ask with, WGS84 degrees")] = None,
    image: Annotated[str | None, Query(description="name of an upload to ask with, from `POST /api/uploads`")] = None,
    kinds: Annotated[list[Modality] | None, Query(alias="in", description="what to search; may be repeated; default: all")] = None,
    k: Annotated[int, Query(ge=1, le=MAX_K, description="hits of each kind")] = 10,
    bbox: Annotated[str | None, Query(description="only within south,west,north,east; west > east crosses 180")] = None,
    near: Annotated[str | None, Query(description="only within lat,lon,km")] = None,
    country: Annotated[list[str] | None, Query(description="only in this country; may be repeated")] = None,
    dates: Annotated[str | None, Query(description="only tiles of these days, as 2021-06-01/2021-08-31")] = None,
    words: Annotated[bool, Query(description="count the words of the text too, not only their meaning")] = False,
    centred: Annotated[bool, Query(description="take the gap between modalities out of the scores")] = False,
    direct: Annotated[
        bool, Query(description="compare texts with tiles, and pictures with articles, themselves instead of by position")
    ] = False,
    apart_km: Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="least distance between hits")] = None,
    ask: Annotated[
        str | None, Query(description="a whole question as JSON, as in the address of the page; instead of all others")
    ] = None,
) -> Question:
    """A question from the parameters of an address."""
    if ask is not None:
        return Question.from_link(ask)
    if (lat is None) != (lon is None):
        raise InputError("a place needs both lat and lon")
    parts: list[dict[str, Any]] = [{name: value} for name, value in (("text", text), ("image", image)) if value is not None]
    parts += [{"place": {"lat": lat, "lon": lon}}] if lat is not None else []
    if not parts:
        raise InputError("ask with text=, with lat= and lon=, with image=, or with a whole question as ask=")
    filters = {"bbox": bbox, "near": near, "countries": country, "dates": dates}
    return Question.parse(
        {
            "parts": parts, "kinds": kinds or (), "k": k, "words": words, "centred": centred, "direct": direct,
            "apart_km": apart_km, "filter": {name: value for name, value in filters.items() if value},
        },
        where="question",
    )  # fmt: skip


Asked = Annotated[Question, Depends(asked)]


@router.get("/search", summary="Places, articles and tiles that fit a question")
def search(question: Asked, workspace: Served) -> dict[str, Any]:
    """Hits of each kind, best first, with cosine, percentile and distance. `ask` in the answer is the question for an address."""
    started = time.perf_counter()
    answer = workspace.answer(question)
    ms = {"total": 1000 * (time.perf_counter() - started), **answer.stages_ms}
    return {**answer.as_dict(), "ask": question.to_link(), "ms": {name: round(value, 2) for name, value in ms.items()}}


@router.post("/search", summary="The same for a question as JSON")
def search_json(question: Question, workspace: Served) -> dict[str, Any]:
    """Several parts with weights, records, uploaded images and all filters."""
    return search(question, workspace)


@router.get("/export.{ending}", summary="Hits as a file", response_class=Response)
def export(ending: Literal["geojson", "csv", "parquet"], question: Asked, workspace: Served) -> Response:
    """GeoJSON (RFC 7946), CSV, or GeoParquet that says which model its hits are from."""
    space, answer = workspace.space, workspace.answer(question)
    with TemporaryDirectory(prefix="placebind-") as folder:
        file = Path(folder) / f"placebind-hits.{ending}"
        export_hits(answer, file, Origin(query=answer.query, model_digest=space.checkpoint.digest, dim=space.dim))
        return attachment(file, MEDIA_TYPES[ending])


class ToEmbed(Settings):
    """Texts and places to make vectors of."""

    texts: tuple[Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)], ...] = Field((), max_length=MAX_TEXTS)
    places: tuple[Place, ...] = Field((), max_length=MAX_PLACES)


@router.post("/embed", summary="Vectors of texts and places in the shared space")
def embed(given: Annotated[ToEmbed, Body()], workspace: Served) -> dict[str, Any]:
    """Unit vectors; their inner product is the cosine. Compare only vectors with the same `model_digest`."""
    if not (given.texts or given.places):
        raise InputError("give texts or places to embed")
    space = workspace.space
    vectors = {name: each.round(7).tolist() for name, each in _vectors(space, given)}
    return {"dim": space.dim, "model_digest": space.checkpoint.digest, **vectors}


def _vectors(space: Any, given: ToEmbed) -> Iterator[tuple[str, Any]]:
    if given.texts:
        yield "texts", space.embed_texts(given.texts)
    if given.places:
        yield "places", space.embed_places([each.lat for each in given.places], [each.lon for each in given.places])


def attachment(file: Path, media_type: str) -> Response:
    """A file that browsers save under its name."""
    return Response(
        file.read_bytes(), media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{file.name}"'}
    )
