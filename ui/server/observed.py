"""What the server tells about its work: metrics for Prometheus at ``/metrics``, and a line of JSON for each request.

Neither holds what was asked. Routes are named by their pattern, so that no visitor can make up new names. Several processes add
up: each writes its numbers into the folder ``PROMETHEUS_MULTIPROC_DIR``, and whoever is asked reads all of them.
"""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_log = logging.getLogger("placebind.requests")

REQUESTS = Counter("placebind_requests", "answered requests", ["route", "method", "status"])
REQUEST_SECONDS = Histogram("placebind_request_seconds", "from request to the end of its answer", ["route"], buckets=SECONDS)
STAGE_SECONDS = Histogram("placebind_stage_seconds", "stages of an answer that was not kept", ["stage"], buckets=SECONDS)
RUNNING = Gauge("placebind_turns_running", "costly requests at work", ["kind"], multiprocess_mode="livesum")
WAITING = Gauge("placebind_turns_waiting", "costly requests in line", ["kind"], multiprocess_mode="livesum")
LOGS: dict[str, Any] = {  # for logging.config: every line of the server is JSON, its faults too
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
            "datefmt": "%Y-%m-%dT%H:%M:%S%z",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"uvicorn.error": {"level": "WARNING"}, _log.name: {"level": "INFO"}},
}


class Observed:
    """ASGI middleware before all others: what they refuse is counted too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500  # where nothing is sent, the server answers so

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting_status)
        finally:
            seconds = time.perf_counter() - started
            route, method = _route(scope), scope["method"] if scope["method"] in METHODS else OTHER
            REQUESTS.labels(route, method, str(status)).inc()
            REQUEST_SECONDS.labels(route).observe(seconds)
            about = {"route": route, "method": method, "status": status, "ms": round(1000 * seconds, 2)}
            _log.info("answered", extra=about)


def observe_stages(stages_ms: Mapping[str, float]) -> None:
    for stage, ms in stages_ms.items():
        STAGE_SECONDS.labels(stage).observe(ms / 1000)


async def metrics(request: Request) -> Response:
    registry = CollectorRegistry()
    if FOLDER in os.environ:
        MultiProcessCollector(registry)
    else:
        for each in (REQUESTS, REQUEST_SECONDS, STAGE_SECONDS, RUNNING, WAITING):
            registry.register(each)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _route(scope: Scope) -> str:
    """The pattern of the route that answered, as '/search', or 'other'."""
    found: str = getattr(scope.get("route"), "path", OTHER)
    return found
