"""The HTTP API, mounted at ``/api`` beside the page: searching, heat, pictures, status, and a page that documents them.

Request -> a route in ``ui/server/routes`` -> ``ui.server.workspace`` -> JSON or a picture. What is expected to go wrong
(``PlaceBindError``) is answered by ``{"error": sentence}`` with a status of 4xx; anything else by 500 without what was wrong, which
is in the server's log.
"""

from importlib.metadata import version

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from index.errors import ConfigError, InputError, PlaceBindError
from ui.server import front
from ui.server.recent import NotHereError
from ui.server.routes import atlas, heat, pictures, search, status

LONGEST_SENTENCE = 1000
_DESCRIPTION = """
Search the Earth by what is written about a place, what it looks like from space, and where it is.

Coordinates are WGS84 degrees, distances kilometres along the ellipsoid, scores cosines in [-1, 1]. An answer to a text says
in `confidence` how much of the probability lies near the best place (`origin`), and whether the text is of no place in particular.
Where several catalogues are served, `catalogue=` chooses one. An answer that is not 2xx is
`{"error": "what was expected, what arrived, what to do"}`.
"""


def build_api() -> FastAPI:
    """The application; its paths are relative to where it is mounted."""
    api = FastAPI(title="PlaceBind", version=version("placebind"), description=_DESCRIPTION, docs_url=None, redoc_url=None)
    for each in (search, heat, pictures, status, atlas):
        api.include_router(each.router)
    api.add_api_route("/docs", _docs, include_in_schema=False)
    api.add_exception_handler(PlaceBindError, _expected)
    api.add_exception_handler(RequestValidationError, _not_valid)
    api.add_exception_handler(StarletteHTTPException, _refused)
    api.add_exception_handler(Exception, _unexpected)
    return api


def status_of(error: PlaceBindError) -> int:
    """The HTTP status of an expected error: 404 for what is not here, 400 for what was asked wrongly, 409 for what is not ready."""
    if isinstance(error, NotHereError):
        return 404
    return 400 if isinstance(error, InputError | ConfigError) else 409


async def _docs() -> HTMLResponse:
    """Swagger UI, which must not call its validator on the internet."""
    return get_swagger_ui_html(
        openapi_url="/api/openapi.json",
        title="PlaceBind: HTTP API",
        swagger_js_url=front.address("swagger-ui-dist/swagger-ui-bundle.js"),
        swagger_css_url=front.address("swagger-ui-dist/swagger-ui.css"),
        swagger_favicon_url="/favicon.png",
        swagger_ui_parameters={"validatorUrl": None},
    )


async def _expected(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PlaceBindError)
    return _error(status_of(error), str(error)[:LONGEST_SENTENCE])  # it may quote what was sent


async def _not_valid(request: Request, error: Exception) -> JSONResponse:
    """What FastAPI found wrong with parameters or a body, in one line; not what was sent, which may be anything."""
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(map(str, each['loc'][1:])) or 'body'}: {each['msg']}" for each in error.errors()[:3]]
    return _error(422, "; ".join(problems))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException | StarletteHTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """Starlette raises the error on after this answer, and uvicorn logs it."""
    return _error(500, "something went wrong on the server; its log says what")


def _error(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)
