"""Start the HTTP API alone, without the page, in one process or several that share a port and the mapped vectors.

``placebind serve`` -> here -> uvicorn runs ``api_app`` in each process. All that they print is lines of JSON. At SIGTERM or Ctrl-C
no new request is taken, and those under way are answered.
"""

import os
import signal
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import Route
from uvicorn.supervisors import Multiprocess

from ui.console import remark
from ui.server.addresses import API, DOCS, here, set_base
from ui.server.observed import FOLDER, LOGS
from ui.server.serve import Told, address_of, listen, own_middleware, own_routes, run_until_stopped

LAST_ANSWERS_S = 30  # for requests under way when the server stops
START_S = 60  # that a process may take until it answers whether it is alive


def serve_api(
    catalogues: Sequence[str],
    *,
    checkpoint: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8502,
    token: str = "",
    names: Sequence[str] = (),
    below: str = "",
    workers: int = 1,
) -> None:
    """As ``ui.server.serve.serve``, without the page, by so many processes. Raises the same."""
    told = Told.of(catalogues, checkpoint, host, token, names, below)
    with listen(host, port) as listener, TemporaryDirectory(prefix="placebind-metrics-") as numbers:
        listener.listen(2048)  # who comes before a process is ready waits
        told.warn()
        remark(f"PlaceBind's API is at {address_of(host, listener).rstrip('/')}{API}  (Ctrl-C stops it)")
        config = uvicorn.Config(
            partial(api_app, told), factory=True, workers=workers, log_config=LOGS, access_log=False, server_header=False,
            timeout_graceful_shutdown=LAST_ANSWERS_S, timeout_worker_healthcheck=START_S,
        )  # fmt: skip
        if workers == 1:
            _run_here(config, listener)
        else:
            os.environ[FOLDER] = numbers  # before the processes are made, which read it when they start to count
            Multiprocess(config, sockets=[listener]).run()
        remark("stopped")


def api_app(told: Told) -> Starlette:
    """The ASGI application of one process."""
    set_base(told.below)
    told.open_workspaces()
    home = Route(here("/"), lambda request: RedirectResponse(here(DOCS)))
    return Starlette(routes=[home, *own_routes(told.rules)], middleware=own_middleware(told.rules))


def _run_here(config: uvicorn.Config, listener: socket.socket) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # uvicorn raises the signal again when it has shut down properly, which ends the process as if it had been killed.
    before = signal.signal(signal.SIGTERM, stop)
    try:
        run_until_stopped(uvicorn.Server(config), listener)
    finally:
        signal.signal(signal.SIGTERM, before)
