"""The OpenAPI document against the running application, and a client that is generated from it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.config import ChecksConfig, PositiveDataAcceptanceConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from starlette.testclient import TestClient

from tests.ui.conftest import open_to_visitors
from ui.server.routes.heat import GEOTIFF
from ui.server.security import Rules

TOKEN = "geheim"
SNOW = "ice and snow in the far north"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
# A schema cannot say that a text is SQL, or that a record is there: what fits it may still be refused, but with one of these.
MAY_REFUSE = ["2xx", 304, 404, 409, 422]


@pytest.fixture
def app(world, tmp_path, monkeypatch):
    """The real application, behind its guard: a token is needed, any host name will do."""
    return open_to_visitors({"world": world.folder}, tmp_path, monkeypatch, Rules(hosts=(), token=TOKEN)).app


def findings(app, examples: int) -> str:
    """What schemathesis finds wrong, with all its checks, in the answers to generated requests: half of them fit the document."""
    checks = ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=MAY_REFUSE))
    config = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(checks=checks)))
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, config=config, headers=SHOWN)
    found: list[str] = []
    for result in schema.get_all_operations():
        good, bad = (result.ok().as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))

        @seed(7)
        @settings(
            max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        @given(case=good | bad)
        def ask(case) -> None:
            try:
                case.call_and_validate(headers=SHOWN)
            except FailureGroup as failures:
                found.extend(f"{case.as_curl_command()}: {each}" for each in failures.exceptions)

        ask()
    return "\n\n".join(dict.fromkeys(found))


def test_generated_requests_find_no_answer_that_the_document_does_not_describe(app) -> None:
    assert findings(app, examples=8) == ""


@pytest.mark.slow
def test_many_generated_requests_find_no_answer_that_the_document_does_not_describe(app) -> None:
    assert findings(app, examples=300) == ""


def test_a_client_that_is_generated_from_the_document_asks_and_gets_hits(app, tmp_path, monkeypatch) -> None:
    """Against a real port: the client is what somebody else would have."""
    document = tmp_path / "openapi.json"
    document.write_text(TestClient(app).get("/api/v1/openapi.json", headers=SHOWN).text)
    # The generator knows no media types of pictures unless it is told that they are bytes.
    as_bytes = dict.fromkeys(("image/png", "image/jpeg", GEOTIFF), "application/octet-stream")
    (tmp_path / "generator.yml").write_text(json.dumps({"content_type_overrides": as_bytes}))
    options = {"--path": document, "--config": tmp_path / "generator.yml", "--output-path": tmp_path / "made_client"}
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    generate += [str(each) for option in options.items() for each in option]
    made = subprocess.run(generate, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "WARNING" not in made.stdout + made.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    from made_client import AuthenticatedClient  # type: ignore[import-not-found]
    from made_client.api.search import search_search_get  # type: ignore[import-not-found]

    with served(app) as address, AuthenticatedClient(base_url=f"{address}/api/v1", token=TOKEN) as client:
        answer = search_search_get.sync(client=client, text=SNOW, k=2)
        refused = search_search_get.sync(client=client, text=SNOW, near="nowhere")
    assert [round(hit.lat) for hit in answer.hits["articles"]] == [70, 70]
    assert "near must be lat,lon" in refused.error


@contextmanager
def served(app) -> Iterator[str]:
    """The application at a port of its own, until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    running = threading.Thread(target=server.run)
    running.start()
    try:
        while not server.started:
            assert running.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        running.join()
