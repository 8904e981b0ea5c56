"""The API alone: several processes, health, metrics, logs as JSON, a stop that answers what is under way."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.homes import environment_of

PATIENCE_S = 60


@contextmanager
def running(folder: Path, home: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A real `placebind serve` on a port of its own, ready, and its address."""
    command = [sys.executable, "-m", "ui", "serve", "--catalogue", str(folder), "--port", "0", *options]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment_of(home), cwd=Path(__file__).parents[3]
    ) as process:
        assert process.stderr is not None
        try:
            first = process.stderr.readline()
            assert "API is at " in first, first
            address = first.rpartition("API is at ")[2].split()[0].removesuffix("/api/v1")
            deadline = time.monotonic() + PATIENCE_S
            while httpx.get(f"{address}/healthz", timeout=PATIENCE_S).status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield address, process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_api_alone_answers_counts_logs_and_stops_cleanly(world, tmp_path, workers) -> None:
    with running(world.folder, tmp_path, "--workers", str(workers)) as (address, process):
        secret = "ice and snow"
        for _ in range(6):
            found = httpx.get(f"{address}/api/v1/search", params={"text": secret, "kinds": "articles", "k": 1}, timeout=PATIENCE_S)
            assert round(found.json()["hits"]["articles"][0]["lat"]) == 70
        drawn = httpx.get(f"{address}/api/v1/heat", params={"text": secret}, timeout=PATIENCE_S).json()
        tile = drawn["tiles"].format(z=0, x=0, y=0)
        assert {httpx.get(address + tile, timeout=PATIENCE_S).status_code for _ in range(6)} == {200}, "any process draws it"
        assert httpx.get(f"{address}/made-up/{secret}").status_code == 404
        assert httpx.get(address).headers["location"] == "/api/docs"
        told = httpx.get(f"{address}/metrics").text
        assert 'placebind_requests_total{method="GET",route="/search",status="200"} 6.0' in told
        assert 'placebind_requests_total{method="GET",route="other",status="404"} 1.0' in told
        assert 'placebind_stage_seconds_count{stage="encode"}' in told
        assert 'placebind_turns_running{kind="searches"} 0.0' in told
        assert "snow" not in told
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    *lines, last = said.strip().splitlines()
    assert last == "stopped"
    logged = [json.loads(line) for line in lines]
    searches = [line for line in logged if line.get("route") == "/search"]
    assert [line["status"] for line in searches] == [200] * 6
    assert all(line["ms"] > 0 and line["time"] and line["level"] == "INFO" for line in searches)
    assert "snow" not in said, "what is asked is nobody's business"


def test_a_question_under_way_is_answered_when_the_server_is_told_to_stop(world, tmp_path) -> None:
    with running(world.folder, tmp_path) as (address, process):
        answers: list[int] = []

        def ask() -> None:
            body = {"texts": [f"salt flat {number} " * 400 for number in range(64)]}
            answers.append(httpx.post(f"{address}/api/v1/embed", json=body, timeout=PATIENCE_S).status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        deadline = time.monotonic() + PATIENCE_S
        while 'placebind_turns_running{kind="searches"} 1.0' not in httpx.get(f"{address}/metrics").text and not answers:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        asking.join(PATIENCE_S)
        assert answers == [200]
        assert process.wait(PATIENCE_S) == 0


def test_health_is_for_anybody_and_all_else_needs_the_token(world, tmp_path) -> None:
    with running(world.folder, tmp_path, "--token", "geheim", "--base-path", "/maps") as (address, _):
        assert httpx.get(f"{address}/healthz").json() == {"status": "ready"}
        for path in ("/metrics", "/api/v1/status", "/api/docs"):
            assert httpx.get(address + path).status_code == 401, path
        known = {"Authorization": "Bearer geheim"}
        assert "placebind_requests_total" in httpx.get(f"{address}/metrics", headers=known).text
        assert httpx.get(f"{address}/api/v1/status", headers=known).status_code == 200
        assert httpx.get(f"{address.removesuffix('/maps')}/healthz").status_code == 401, "below the base path only"
