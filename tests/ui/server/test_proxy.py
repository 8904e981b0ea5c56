"""Behind a proxy that gives the server only a part of its addresses; real ones, set up as docs/serving.md says."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from index.errors import InputError
from tests.ui.server.test_serve import FRONT, running
from ui.server import addresses, front
from ui.server.addresses import api, base_path

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CADDY = shutil.which("caddy")
SERVING = Path(__file__).parents[3] / "docs" / "serving.md"


@pytest.mark.parametrize(
    ("given", "path"), [("", ""), ("/", ""), ("maps", "/maps"), ("/maps/", "/maps"), ("/a/b-c.d", "/a/b-c.d"), ("~me", "/~me")]
)
def test_a_base_path_begins_with_a_slash_and_ends_without(given: str, path: str) -> None:
    assert base_path(given) == path


@pytest.mark.parametrize("given", ["a//b", "..", "a/../b", "a b", "a?b", "http://x/y", "ä", "a_b", '"', "<a>", "{z}"])
def test_what_is_no_path_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="as /maps"):
        base_path(given)


def test_every_address_lies_below_the_base(monkeypatch) -> None:
    monkeypatch.setattr(addresses, "_base", "/maps")
    assert api("/status") == "/maps/api/v1/status"
    monkeypatch.setattr(front, "FOLDER", SERVING.parent)
    assert front.address("serving.md") == "/maps/front/serving.md"


def documented(proxy: str) -> str:
    """What docs/serving.md gives for this proxy."""
    (config,) = re.findall(rf"```{proxy}\n(.*?)```", SERVING.read_text(), re.DOTALL)
    return str(config)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def listening(command: Sequence[str], port: int, log: Path) -> Iterator[str]:
    """The address of a proxy that this command starts, until the block ends."""
    environment = os.environ | {"HOME": str(log.parent), "XDG_DATA_HOME": str(log.parent), "XDG_CONFIG_HOME": str(log.parent)}
    with log.open("w") as said, subprocess.Popen(command, stderr=said, env=environment) as process:
        try:
            for _ in range(1000):
                assert process.poll() is None, log.read_text()
                with socket.socket() as knock:
                    if not knock.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(0.01)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def nginx(server_port: int, folder: Path) -> AbstractContextManager[str]:
    port, location = free_port(), documented("nginx").replace("8501", str(server_port))
    paths = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_buffer_size 8m; {paths} server {{ listen 127.0.0.1:{port}; {location} }} }}"
    )
    return listening([str(NGINX), "-c", str(file), "-p", str(folder), "-e", f"{folder}/error.log"], port, folder / "error.log")


def caddy(server_port: int, folder: Path) -> AbstractContextManager[str]:
    """By plain HTTP: there is no certificate for a name of ours."""
    port = free_port()
    site = documented("caddy").replace("8501", str(server_port)).replace("maps.example", f"http://localhost:{port}")
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n}\n" + site)
    return listening([str(CADDY), "run", "--config", str(file), "--adapter", "caddyfile"], port, folder / "caddy.log")


@pytest.mark.parametrize(
    "proxy",
    [
        pytest.param(nginx, marks=pytest.mark.skipif(NGINX is None, reason="needs nginx (apt-get install nginx)")),
        pytest.param(caddy, marks=pytest.mark.skipif(CADDY is None, reason="needs caddy (apt-get install caddy)")),
    ],
)
def test_all_that_a_visitor_needs_goes_through_the_documented_proxy(
    proxy: Callable[[int, Path], AbstractContextManager[str]], world, tmp_path
) -> None:
    with running(world.folder, tmp_path, "--base-path", "maps", "--token", "geheim") as (said, _):
        own = urlsplit(said)
        assert own.path == "/maps/"
        with proxy(own.port or 0, tmp_path) as address, httpx.Client(timeout=60) as visitor:
            assert visitor.get(f"{address}/maps/").status_code == 401
            first = visitor.get(f"{address}/maps/?token=geheim")
            assert (first.status_code, first.headers["location"]) == (303, "/maps/")
            assert "Path=/maps;" in first.headers["set-cookie"] + ";"
            page = visitor.get(f"{address}/maps/")
            assert "<title>Streamlit</title>" in page.text
            script = re.search(r'src="\.?/?([^"]*static/js/[^"]*)"', page.text)
            assert script
            assert visitor.get(f"{address}/maps/{script[1].removeprefix('maps/')}").status_code == 200
            assert visitor.get(f"{address}/maps/_stcore/health").text == "ok"
            if not front.missing():
                assert visitor.get(f"{address}/maps{FRONT}").status_code == 200
            docs = visitor.get(f"{address}/maps/api", follow_redirects=True)
            assert (docs.url.path, "/maps/api/v1/openapi.json" in docs.text) == ("/maps/api/docs", True)
            document = visitor.get(f"{address}/maps/api/v1/openapi.json").json()
            assert document["servers"] == [{"url": "/maps/api/v1"}]
            heat = visitor.get(f"{address}/maps/api/v1/heat", params={"text": "snow"}).json()
            assert heat["tiles"].startswith("/maps/api/v1/heat/")
            assert visitor.get(address + heat["tiles"].format(z=0, x=0, y=0)).headers["content-type"] == "image/png"
            sent = visitor.post(f"{address}/maps/api/v1/uploads", files={"file": ("a.bin", bytes(2 * 2**20))})
            assert sent.status_code == 422, "two megabytes of nothing come through, and are no picture"
            cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
            stream = f"ws{address.removeprefix('http')}/maps/_stcore/stream"
            with connect(stream, additional_headers={"Cookie": cookie, "Origin": address}, subprotocols=["streamlit"]) as opened:
                assert opened.subprotocol == "streamlit"
        beside = httpx.get(f"http://localhost:{own.port}/api/v1/status", headers={"Authorization": "Bearer geheim"})
        assert beside.status_code == 404, "the rest of the address is somebody else's"
