import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from ui.server.security import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, Guard, Rules

SECRET = "open sésame"
STREAM = "ws://localhost:8501/_stcore/stream"


async def _echo(request: Request) -> PlainTextResponse:
    said = f"{request.method} {request.url.path}?{request.url.query} {len(await request.body())} bytes"
    return PlainTextResponse(said, headers={"x-method": request.method})


async def _talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def client(base_url: str = "http://localhost:8501", **rules) -> TestClient:
    routes = [WebSocketRoute("/_stcore/stream", _talk), Route("/{path:path}", _echo, methods=["GET", "POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(Guard, rules=Rules(**rules))])
    return TestClient(app, base_url=base_url, follow_redirects=False)


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "LOCALHOST.", "127.0.0.1:1", "[::1]:8501"])
def test_the_server_answers_to_its_own_names(host: str) -> None:
    assert client().get("/api/v1/status", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8501", "evil.example:localhost", "[", ""]
)
def test_a_name_that_someone_else_has_pointed_here_is_refused(host: str) -> None:
    answer = client().get("/api/v1/status", headers={"host": host})
    assert answer.status_code == 403
    assert "answers to localhost" in answer.json()["error"]


def test_told_to_listen_everywhere_it_answers_to_any_name() -> None:
    assert client(hosts=()).get("/", headers={"host": "maps.example"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:9999", "null", "http://localhost:8501.evil.example"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_from_elsewhere_are_refused_and_no_header_lets_them_read(method: str, origin: str) -> None:
    answer = client().request(method, "/api/v1/uploads", headers={"origin": origin})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("how", [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe"), ("no-cors", "script")])
def test_what_a_foreign_page_loads_without_saying_who_it_is_is_refused(site: str, how: tuple[str, str]) -> None:
    mode, destination = how
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination}
    answer = client().get("/api/v1/heat?text=snow", headers=headers)
    assert (answer.status_code, "its own pages only" in answer.json()["error"]) == (403, True)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "none"])
def test_a_link_from_elsewhere_may_be_followed(site: str) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client().get("/?ask=1", headers=headers).status_code == 200
    if site in ("cross-site", "same-site"):
        assert client().post("/", headers=headers).status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_its_own_page_may_load_pictures(site: str) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert client().get("/api/v1/heat/x/0/0/0.png", headers=headers).status_code == 200


def test_its_own_page_may_send_and_still_no_header_opens_it_to_others() -> None:
    answer = client().post("/api/v1/search", headers={"origin": "http://localhost:8501"}, content=b"abc")
    assert (answer.status_code, answer.text) == (200, "POST /api/v1/search? 3 bytes")
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/status", "/front/leaflet/dist/leaflet.js", "/_stcore/health", "/media/x", "/static/x"]
)
def test_with_a_token_every_route_needs_it(path: str) -> None:
    answer = client(token=SECRET).get(path)
    assert answer.status_code == 401
    assert "?token=" in answer.json()["error"]
    assert "script-src" in answer.headers["content-security-policy"]


def test_the_token_in_the_address_becomes_a_cookie_and_leaves_the_address() -> None:
    visitor = client(token=SECRET)
    first = visitor.get("/search", params={"ask": '{"parts":[]}', "token": SECRET})
    assert first.status_code == 303
    assert first.headers["location"] == "/search?ask=%7B%22parts%22%3A%5B%5D%7D"
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "sesame" not in cookie
    assert "sésame" not in cookie
    assert visitor.get("/search").status_code == 200


def test_the_redirect_of_the_token_stays_on_this_server() -> None:
    assert (
        client(token=SECRET).get("http://localhost:8501//evil.example/", params={"token": SECRET}).headers["location"]
        == "/evil.example/"
    )


@pytest.mark.parametrize("wrong", ["", "open", "OPEN SÉSAME", "open sésame "])
def test_a_wrong_token_is_refused_wherever_it_stands(wrong: str) -> None:
    visitor = client(token=SECRET)
    assert visitor.get("/", params={"token": wrong}).status_code == 401
    assert visitor.get("/", headers={"authorization": f"Bearer x{wrong}".encode()}).status_code == 401
    name = visitor.get("/", params={"token": SECRET}).headers["set-cookie"].partition("=")[0]
    visitor.cookies.clear()
    assert visitor.get("/", headers={"cookie": f"{name}={wrong}".encode()}).status_code == 401


def test_programs_send_the_token_as_a_bearer() -> None:
    assert client(token="abc").get("/api/v1/status", headers={"authorization": "Bearer abc"}).status_code == 200


def test_the_websocket_needs_the_token_too() -> None:
    visitor = client(token=SECRET)
    with pytest.raises(WebSocketDisconnect), visitor.websocket_connect(STREAM):
        pass
    visitor.get("/", params={"token": SECRET})
    with visitor.websocket_connect(STREAM) as socket:
        assert socket.receive_text() == "hello"


def test_the_websocket_is_closed_to_pages_from_elsewhere() -> None:
    with client().websocket_connect(STREAM, headers={"origin": "http://localhost:8501"}) as socket:
        assert socket.receive_text() == "hello"
    for headers in ({"origin": "http://localhost:3000"}, {"host": "evil.example"}):
        with pytest.raises(WebSocketDisconnect), client().websocket_connect(STREAM, headers=headers):
            pass


@pytest.mark.parametrize("character", ["%0a", "%0D", "%00", "%7f"])
def test_an_address_with_control_characters_leads_nowhere(character: str) -> None:
    answer = client().get(f"/api/v1/heat/a{character}b.png")
    assert (answer.status_code, "control characters" in answer.json()["error"]) == (404, True)


def test_two_gigabytes_are_refused_before_they_are_read() -> None:
    answer = client().post("/api/v1/uploads", content=iter([b"x"]), headers={"content-length": str(2 * 2**30)})
    assert answer.status_code == 413
    assert "65 MiB" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/v1/uploads", MAX_UPLOAD_BYTES), ("/api/v1/search", MAX_BODY_BYTES), ("/", MAX_BODY_BYTES)]
)
def test_a_body_that_does_not_say_its_length_ends_at_the_limit(path: str, limit: int) -> None:
    assert client().post(path, content=iter([bytes(limit)])).status_code == 200
    assert client().post(path, content=iter([bytes(limit), b"x"])).status_code == 413


def test_a_body_that_is_longer_than_it_says_ends_at_the_limit() -> None:
    lies = {"content-length": "10"}
    assert client().post("/api/v1/search", content=iter([bytes(MAX_BODY_BYTES), b"x"]), headers=lies).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "abc", "٣", "9" * 5000])
def test_a_length_that_is_no_number_or_a_huge_one_is_refused(length: str) -> None:
    answer = client().post("/api/v1/search", content=b"", headers={"content-length": length.encode()})
    assert answer.status_code == 413


def test_head_is_answered_as_get_without_the_body() -> None:
    answer = client().head("/api/v1/status")
    assert (answer.status_code, answer.headers["x-method"], answer.text) == (200, "GET", "")


def test_answers_say_that_nothing_is_to_be_loaded_from_elsewhere() -> None:
    headers = client().get("/").headers
    policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert "http" not in policy["script-src"] + policy["style-src"] + policy["connect-src"] + policy["frame-src"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "https://cdn.example" in client(cdn="https://cdn.example").get("/").headers["content-security-policy"]
