"""What the routes share: how long browsers keep what does not change, how media types and problems are described, files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response

from ui.server.addresses import api
from ui.server.routes.answers import Problem
from ui.server.workspace import Workspace

FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
A_DAY = "private, max-age=86400"
_MEANINGS = {
    401: "the token is missing or wrong",
    403: "asked by a foreign page, or under a name that is not this server's",
    404: "a catalogue, record, upload or heat map of this name is not here, or not any more",
    409: "nothing can be asked yet: no index, or one of another model",
    413: "more was sent than may be",
    422: "the question or a parameter is wrong",
    500: "a fault of the server, which its log tells more of",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    **{status: {"model": Problem, "description": meaning} for status, meaning in _MEANINGS.items()},
    503: {
        "model": Problem,
        "description": "as much of this sort is being done as can be",
        "headers": {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}},
    },
}


def files(*media_types: str, kept: bool = False) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers by a file; ``kept`` by browsers, it may be told that it has not changed."""
    found: dict[int | str, dict[str, Any]] = {
        200: {"description": "the file", "content": {each: {"schema": _schema(each)} for each in media_types}}
    }
    return found | ({304: {"description": "the file that is known by If-None-Match has not changed"}} if kept else {})


def _schema(media_type: str) -> dict[str, str]:
    return {"type": "object"} if media_type.endswith("json") else {"type": "string", "format": "binary"}


def cached(request: Request, make: Callable[[], bytes], media_type: str, tag: str, keep: str) -> Response:
    """A response that the browser keeps. If it has the same already, nothing is made. ``tag`` changes whenever the content does."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": keep}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(make(), media_type=media_type, headers=headers)


def tiles_address(workspace: Workspace, layer: str, **more: str) -> str:
    """Where a map finds the tiles of a layer; {z}, {x} and {y} are for it to fill in. A changed index has other addresses."""
    beside = urlencode({"catalogue": workspace.name, "version": workspace.version, **more}, safe="", quote_via=quote)
    return api(f"/{layer}/{{z}}/{{x}}/{{y}}.png?{beside}")


def attachment(file: Path, media_type: str) -> Response:
    """A file that browsers save under its name."""
    return Response(
        file.read_bytes(), media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{file.name}"'}
    )
