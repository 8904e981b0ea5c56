"""``/healthz``: whether the server answers at once, for what restarts it or sends it visitors."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from ui.server.workspace import served


async def health(request: Request) -> JSONResponse:
    """200 when questions are answered at once, 503 while models are still loaded. It says nothing else, for anybody may ask."""
    ready = served().ready
    return JSONResponse({"status": "ready" if ready else "starting"}, 200 if ready else 503)
