"""Who may talk to the server: known host names, pages of its own, holders of the token, and bodies of a bounded size.

``ui/server/serve.py`` puts ``Guard`` before everything else, Streamlit's own routes and its websocket too.

A page on the internet can make a browser send requests to 127.0.0.1. Under a name that it has pointed there (DNS rebinding) the
Host header tells; under its own name the Origin header, or, with plain links and pictures, Sec-Fetch-Site.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.server.addresses import HEALTH, api, base, here

LOOPBACK = ("localhost", "127.0.0.1", "::1")
MAX_UPLOAD_BYTES = 65 * 2**20  # a picture of 64 MiB and what is around it in a form
MAX_BODY_BYTES = 2**20
MONTH_S = 30 * 86_400
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LENGTH = re.compile(r"[0-9]{1,15}")
_FOREIGN = ("cross-site", "same-site")  # of a page on another host, or another port or sub-domain of this one


@dataclass(frozen=True)
class Rules:
    """``hosts``: names that may stand in the Host header, none for any. ``token``: what must be known, '' for nothing. ``cdn``: an
    address from which pages may load scripts, '' for none."""

    hosts: tuple[str, ...] = LOOPBACK
    token: str = field(default="", repr=False)
    cdn: str = ""

    @property
    def secret(self) -> str:
        """What the cookie holds; it tells the token to nobody."""
        return hmac.new(self.token.encode(), b"placebind cookie", hashlib.sha256).hexdigest()

    @property
    def cookie(self) -> str:
        """The cookie's name: servers with different tokens on one host do not overwrite each other's."""
        return f"placebind-{hashlib.sha256(self.secret.encode()).hexdigest()[:8]}"


class Guard:
    """ASGI middleware. Refuses with a sentence: 403 for a foreign host or page, 404 for no address, 401 without the token, 413 for
    too much."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app, self.rules = app, rules
        self._headers = _security_headers(rules.cdn)
        self._secret, self._cookie = rules.secret, rules.cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers) or self._first_visit(scope)
        if refusal is None and self.rules.token and not (scope["path"] == here(HEALTH) or self._is_known(headers)):
            refusal = _refuse(401, "this server needs its token; open the address with ?token=… that it was started with")
        if refusal is None:
            await self._pass_on(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()  # the handshake: closing before accepting answers 403
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal.headers.update(self._headers)
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.rules.hosts and _name(host) not in self.rules.hosts:
            return _refuse(403, f"this server answers to {', '.join(self.rules.hosts)} only; start it with --host for other names")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return _refuse(403, "this server answers its own pages only")
        if headers.get("sec-fetch-site") in _FOREIGN and not _is_visit(scope, headers):
            return _refuse(403, "this server answers its own pages only; open the address in a tab of its own")
        if _CONTROL.search(scope["path"]):  # routes end at a line break, and what is behind it would go to the page
            return _refuse(404, "there is nothing at an address with control characters in it")
        length = headers.get("content-length", "0")
        if not _LENGTH.fullmatch(length) or int(length) > _limit(scope):
            return _refuse(413, f"at most {_limit(scope) // 2**20} MiB can be sent here; send less")
        return None

    def _first_visit(self, scope: Scope) -> Response | None:
        """Who comes with ?token= gets the cookie and the address without it, so that it is not copied along with a link."""
        asked = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in asked if name == "token"]
        if scope["type"] != "http" or not (self.rules.token and given and _same(given[-1], self.rules.token)):
            return None
        rest = urlencode([each for each in asked if each[0] != "token"])
        response = RedirectResponse("/" + scope["path"].lstrip("/") + f"?{rest}" * bool(rest), status_code=303)
        response.set_cookie(self._cookie, self._secret, max_age=MONTH_S, httponly=True, samesite="lax", path=base() or "/")
        return response

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return _same(bearer.strip(), self.rules.token)
        return _same(cookie_parser(headers.get("cookie", "")).get(self._cookie, ""), self._secret)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = dict(scope, method="GET")  # the server leaves the body out
        await self.app(scope, _counted(receive, _limit(scope)) if scope["type"] == "http" else receive, with_headers)


def _counted(receive: Receive, limit: int) -> Receive:
    """A body that says nothing of its length, or less than the truth, ends here."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413, f"at most {limit // 2**20} MiB can be sent here; send less", {"Connection": "close"})
        return message

    return counted


def _limit(scope: Scope) -> int:
    uploads = (api("/uploads"), here("/_stcore/upload_file/"))
    return MAX_UPLOAD_BYTES if scope["path"].startswith(uploads) else MAX_BODY_BYTES


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Whether somebody follows a link to here: a page that shows in a tab, which the one before cannot read."""
    to_document = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return scope["type"] == "http" and scope["method"] == "GET" and to_document


def _name(host: str) -> str:
    """The name in a Host header, without the port, in lower case; '' for what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _same(given: str, expected: str) -> bool:
    """Compared in a time that does not tell how much is right."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _refuse(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status, headers={"Connection": "close"} if status == 413 else None)


def _security_headers(cdn: str) -> dict[str, str]:
    """Streamlit needs inline styles, and streamlit-folium runs the map's script by eval; but both only from here. Base maps are
    pictures from anywhere on the internet, chosen by the user."""
    own = f"'self' {cdn}".strip()
    policy: Iterable[tuple[str, str]] = (
        ("default-src", "'self'"),
        ("script-src", f"{own} 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:"),
        ("style-src", f"{own} 'unsafe-inline'"),
        ("img-src", "'self' data: blob: https:"),
        ("font-src", f"{own} data:"),
        ("connect-src", f"'self' ws: wss: data: blob: {cdn}".strip()),
        ("worker-src", "'self' blob:"),
        ("frame-src", "'self' blob: data:"),
        ("frame-ancestors", "'self'"),
        ("base-uri", "'self'"),
        ("form-action", "'self'"),
        ("object-src", "'none'"),
    )
    return {
        "Content-Security-Policy": "; ".join(" ".join(each) for each in policy),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
