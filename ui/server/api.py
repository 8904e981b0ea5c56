"""The HTTP API, at ``/api/v1`` beside the page: searching, heat, pictures, status; and a page that documents it, at ``/api/docs``.

Request -> a route in ``ui/server/routes`` -> ``ui.server.workspace`` -> JSON or a file. What is expected to go wrong
(``PlaceBindError``) is answered by ``{"error": sentence}`` with a status of 4xx, or 503; anything else by 500 without what was
wrong, which is in the server's log.
"""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from index.errors import ConfigError, InputError, NotHereError, PlaceBindError
from ui.server import front
from ui.server.addresses import API, DOCS, api, here
from ui.server.routes import atlas, classes, heat, locate, pictures, search, status
from ui.server.routes.common import PROBLEMS
from ui.server.security import Rules
from ui.server.turns import RETRY_AFTER_S, TooBusyError

LONGEST_SENTENCE = 1000
_DESCRIPTION = """
Search the Earth by what is written about a place, what it looks like from space, and where it is.

Coordinates are WGS84 degrees, distances kilometres along the ellipsoid, scores cosines in [-1, 1]. An answer to a text says
in `confidence` how much of the probability lies near the best place (`origin`), and whether the text is of no place in particular.
Where several catalogues are served, `catalogue=` chooses one. Unknown parameters are refused. An answer that is not 2xx is
`{"error": "what was expected, what arrived, what to do"}`.
"""
_BEARER = "the token that the server was started with"
_ADDRESS = "the same token as `?token=`: answered by a redirect (303) to the address without it, and the cookie"
_COOKIE = "what a browser has that came with `?token=`"


def build_api(rules: Rules) -> FastAPI:
    """The application; its paths are relative to where it is mounted."""
    app = FastAPI(
        title="PlaceBind", version=version("placebind"), description=_DESCRIPTION, docs_url=None, redoc_url=None, responses=PROBLEMS
    )
    for each in (search, locate, heat, classes, pictures, status, atlas):
        app.include_router(each.router)
    app.add_exception_handler(PlaceBindError, _expected)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(Exception, _unexpected)
    app.openapi = lambda: _document(app, rules)  # type: ignore[method-assign]
    return app


def status_of(error: PlaceBindError) -> int:
    """The HTTP status of an expected error: 404 for what is not here, 422 for what was asked wrongly, 503 for what has to wait, 409
    for what is not ready."""
    if isinstance(error, NotHereError):
        return 404
    if isinstance(error, TooBusyError):
        return 503
    return 422 if isinstance(error, InputError | ConfigError) else 409


async def docs(request: Request) -> HTMLResponse:
    """Swagger UI, which must not call its validator on the internet."""
    return get_swagger_ui_html(
        openapi_url=api("/openapi.json"),
        title="PlaceBind: HTTP API",
        swagger_js_url=front.address("swagger-ui-dist/swagger-ui-bundle.js"),
        swagger_css_url=front.address("swagger-ui-dist/swagger-ui.css"),
        swagger_favicon_url=here("/favicon.png"),
        swagger_ui_parameters={"validatorUrl": None},
    )


async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
    """What is asked for beside ``/api/v1``, as all was before 0.2."""
    await _error(404, f"the API is at {here(API)} now, and described at {here(DOCS)}")(scope, receive, send)


def _document(app: FastAPI, rules: Rules) -> dict[str, Any]:
    """FastAPI's document with the ways to show the token, where one is needed."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": here(API)}],
            separate_input_output_schemas=False,
        )
        if rules.token:
            found["components"]["securitySchemes"] = {
                "bearer": {"type": "http", "scheme": "bearer", "description": _BEARER},
                "cookie": {"type": "apiKey", "in": "cookie", "name": rules.cookie, "description": _COOKIE},
                "address": {"type": "apiKey", "in": "query", "name": "token", "description": _ADDRESS},
            }
            found["security"] = [{"bearer": []}, {"cookie": []}, {"address": []}]
        app.openapi_schema = found
    return app.openapi_schema


async def _expected(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PlaceBindError)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if isinstance(error, TooBusyError) else None
    return _error(status_of(error), str(error)[:LONGEST_SENTENCE], headers)  # it may quote what was sent


async def _not_valid(request: Request, error: Exception) -> JSONResponse:
    """What FastAPI found wrong with parameters or a body, in one line; not what was sent, which may be anything."""
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(map(str, each['loc'][1:])) or 'body'}: {each['msg']}" for each in error.errors()[:3]]
    return _error(422, "; ".join(problems)[:LONGEST_SENTENCE])


async def _refused(request: Request, error: Exception) -> JSONResponse:
    """What Starlette refuses. A body that it cannot read is as wrong as one that FastAPI cannot."""
    assert isinstance(error, HTTPException | StarletteHTTPException)
    status = 422 if error.status_code == 400 else error.status_code
    sentence = f"there is nothing at this address; {here(DOCS)} describes all that are" if status == 404 else str(error.detail)
    return _error(status, sentence, error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """Starlette raises the error on after this answer, and uvicorn logs it."""
    return _error(500, "something went wrong on the server; its log says what")


def _error(status: int, sentence: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, headers=headers)
