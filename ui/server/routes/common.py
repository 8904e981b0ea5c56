"""What the routes share: which catalogue is asked, and how long browsers keep what does not change."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from ui.server.workspace import Workspace, served

FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
A_DAY = "private, max-age=86400"


def _workspace(
    catalogue: Annotated[str, Query(max_length=200, description="name of the catalogue; default: the first")] = "",
) -> Workspace:
    return served().get(catalogue)


Served = Annotated[Workspace, Depends(_workspace)]


def cached(request: Request, content: bytes, media_type: str, tag: str, keep: str) -> Response:
    """A response that the browser keeps; without content if it has the same already. ``tag`` changes whenever the content does."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": keep}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
