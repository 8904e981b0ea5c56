"""Start the map: Streamlit's page, the HTTP API and the front-end files from one process and one port.

``placebind ui`` -> here -> uvicorn runs ``st.App``, with ``/api`` (``ui/server/api.py``) and ``/front`` (``ui/server/front.py``)
beside its own routes, and ``ui/server/security.py`` before all of them.
"""

import errno
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import uvicorn
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from index.errors import CatalogueError, InputError, PlaceBindError
from index.files import cache_folder
from index.places.world_names import prepare_names
from index.store.catalogue import Catalogue
from train.checkpoint import Checkpoint
from ui.console import remark
from ui.server import front
from ui.server.addresses import API, DOCS, FRONT, HEALTH, METRICS, base, base_path, here, set_base
from ui.server.front_files import FrontFiles
from ui.server.health import health
from ui.server.observed import Observed, metrics
from ui.server.security import LOOPBACK, Guard, Rules

PAGE = Path(__file__).parents[1] / "page" / "page.py"
WATCH_S = 2.0  # between looks for a changed index; a look costs a stat for each table
GOODBYE_S = 2  # how long a browser may take to hang up when the server stops
ANY_HOST = ("0.0.0.0", "::", "")
STREAMLIT: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "logger.level": "warning",
    "runner.magicEnabled": False,
    "server.enableCORS": True,  # the protection, not the permission
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 64,
}


def serve(
    catalogues: Sequence[str],
    *,
    checkpoint: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8501,
    token: str = "",
    names: Sequence[str] = (),
    below: str = "",
    open_browser: bool = False,
    page: Path = PAGE,
) -> None:
    """Serve catalogues, each a folder or NAME=FOLDER, until Ctrl-C. Behind a proxy, visitors know it by ``names``, and all
    addresses lie ``below`` a path.

    Raises ``CatalogueError`` or ``CheckpointError`` where there is none, and ``InputError`` for a port in use and for what does not
    fit together.
    """
    told = Told.of(catalogues, checkpoint, host, token, names, below)
    with listen(host, port) as listener:
        app = build_app(page, told.rules, listener.getsockname()[1])
        told.open_workspaces()
        address = address_of(host, listener, token)
        told.warn()
        _run(app, listener, lambda: _say_hello(address, open_browser))


@dataclass(frozen=True)
class Told:
    """What a server was told, in a form that its processes can be given: folders by name, the model if there is one for all, who
    may come, and the path that all addresses lie below."""

    folders: dict[str, Path]
    checkpoint: Path | None
    rules: Rules
    below: str

    @classmethod
    def of(
        cls, catalogues: Sequence[str], checkpoint: Path | None, host: str, token: str, names: Sequence[str], below: str
    ) -> Self:
        """Checked, and addresses put below the path. Raises as ``serve``."""
        folders = named_folders(catalogues)
        if checkpoint and len(folders) > 1:
            raise InputError(
                "--checkpoint is for one catalogue; of several each has its model in its folder 'checkpoint', or the shipped one"
            )
        for folder in folders.values():
            Catalogue.open(folder)
        if checkpoint:
            Checkpoint.open(checkpoint)
        set_base(base_path(below))
        return cls(folders, checkpoint, Rules(_host_names(host, names), token, front.CDN if front.missing() else ""), base())

    def open_workspaces(self) -> None:
        """Make the catalogues known to page and routes, and load their models while the first visitor is on the way."""
        from ui.server.uploads import Uploads
        from ui.server.workspace import Workspace, Workspaces
        from ui.server.workspace import serve as make_known

        # Visitors are answered side by side: threads of each for itself would fight for the cores (a short text takes 13 ms with
        # one thread, 31 with four), and a model takes part in every question only for moments. Read when torch is loaded, if it is.
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 4)))
        uploads = Uploads(cache_folder() / "uploads")
        workspaces = [Workspace(name, catalogue, self.checkpoint, uploads) for name, catalogue in self.folders.items()]
        make_known(Workspaces(workspaces))
        prepare_names()
        threading.Thread(target=_stay_warm, args=(workspaces,), name="stay-warm", daemon=True).start()

    def warn(self) -> None:
        if not (self.rules.hosts or self.rules.token):
            remark("everyone who reaches this machine can use the server; give it a --token to change that")


def named_folders(catalogues: Sequence[str]) -> dict[str, Path]:
    """Names and folders of 'FOLDER' and 'NAME=FOLDER'. Raises ``InputError`` for two of one name."""
    folders: dict[str, Path] = {}
    for given in catalogues:
        name, _, folder = given.rpartition("=")
        path = Path(folder).expanduser()
        name = name.strip() or path.resolve().name
        if name in folders:
            raise InputError(f"two catalogues are called '{name}'; give one another name, as other={path}")
        folders[name] = path
    return folders


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the port; 0 takes any that is free. Raises ``InputError`` where that cannot be."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        # Only where the protocol is named does asyncio set TCP_NODELAY. Without it each answer waits 40 ms for the visitor's
        # system to acknowledge its head before its body is sent.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use; stop what runs there, or choose another with --port") from None
        raise InputError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}); choose others with --host and --port"
        ) from None
    return listener


def build_app(page: Path, rules: Rules, port: int) -> Any:
    """The ASGI application: Streamlit, ``/api`` and ``/front`` behind the guard, all below the base path."""
    import streamlit
    from streamlit.web import bootstrap

    bootstrap.load_config_options(STREAMLIT | {"server.port": port, "server.baseUrlPath": base().strip("/")})
    return streamlit.App(page, routes=own_routes(rules), middleware=own_middleware(rules))


def own_routes(rules: Rules) -> list[BaseRoute]:
    """What is served beside Streamlit's page."""
    from ui.server.api import build_api, docs, elsewhere

    return [
        Route(here("/api"), lambda request: RedirectResponse(here(DOCS))),
        Route(here(DOCS), docs),
        Mount(here(API), build_api(rules)),
        Mount(here("/api"), elsewhere),
        Mount(here(FRONT), FrontFiles()),
        Route(here(METRICS), metrics),
        Route(here(HEALTH), health),
    ]


def own_middleware(rules: Rules) -> list[Middleware]:
    """What every request passes, first to last."""
    return [Middleware(Observed), Middleware(Guard, rules=rules)]


def _stay_warm(workspaces: Sequence[Any]) -> None:
    """Load what a question would wait for, at the start and whenever an index has changed."""
    warmed: dict[str, str] = {}
    while True:
        for workspace in workspaces:
            warmed[workspace.name] = _warm_up(workspace, warmed.get(workspace.name, ""))
        time.sleep(WATCH_S)


def _warm_up(workspace: Any, warmed: str) -> str:
    """Load models, vectors and the tree of cells, unless that version is ``warmed`` already; returns the version. A missing
    index is said here, once, and on the page. Then the workspace is ready: all that it can answer it answers at once."""
    from retrieval.asking.question import Question

    try:
        version: str = workspace.version
        if version != warmed:
            space, question = workspace.space, Question.of("warm up", k=1)
            space.search(question)
            space.heat(question).tile_png(0, 0, 0)
    except PlaceBindError as error:
        version = str(error)
        if version != warmed:
            remark(f"{workspace.name}: {error}")
    workspace.ready = True
    return version


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_ready()


def _run(app: Any, listener: socket.socket, when_ready: Callable[[], None]) -> None:
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=GOODBYE_S, ws="websockets-sansio"
    )
    run_until_stopped(_Server(config, when_ready), listener)
    remark("stopped")


def run_until_stopped(server: uvicorn.Server, listener: socket.socket) -> None:
    """Raises ``CatalogueError`` where the server cannot start."""
    with suppress(KeyboardInterrupt):  # raised after a proper shutdown; not where SIGINT was ignored, in the background of a script
        server.run(sockets=[listener])
    if not server.started:
        raise CatalogueError("the server could not start; what is above says why")


def _say_hello(address: str, open_browser: bool) -> None:
    remark(f"PlaceBind is at {address}  (Ctrl-C stops it)")
    if front.missing():
        remark(f"the page will load libraries from {front.CDN}; to need no network run `{front.remedy()}` and start again")
    if open_browser and (sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        webbrowser.open(address)


def address_of(host: str, listener: socket.socket, token: str = "") -> str:
    """Where the server is to be found, with the token that lets one in."""
    name = "localhost" if host in (*ANY_HOST, *LOOPBACK) else host
    root = f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"
    return root + here(f"/?token={quote(token, safe='')}" if token else "/" * bool(base()))


def _host_names(host: str, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Names that browsers may know the server by: its own and those given; any, if it was told to listen everywhere."""
    if host in ANY_HOST and not names:
        return ()
    known = (*LOOPBACK, *names) if host in ANY_HOST else (*LOOPBACK, host, *names)
    return tuple(dict.fromkeys(name.lower() for name in known))
