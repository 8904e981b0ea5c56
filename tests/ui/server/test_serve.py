import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from index.errors import CatalogueError, InputError
from tests.homes import environment_of
from ui.server.serve import PAGE, _host_names, listen, named_folders, serve

FRONT = "/front/leaflet/dist/leaflet.js"


@contextmanager
def running(
    folder: Path, home: Path, *options: str, sigint: Any = signal.default_int_handler
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A real `placebind ui` on a port of its own, and the address that it says it is at; ``sigint`` is what it inherits."""
    command = [sys.executable, "-m", "ui", "ui", "--catalogue", str(folder), "--port", "0", "--no-open", *options]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment_of(home), cwd=Path(__file__).parents[3],
        preexec_fn=lambda: signal.signal(signal.SIGINT, sigint),
    ) as process:  # fmt: skip
        assert process.stderr is not None
        try:
            said = ""
            for line in process.stderr:
                said += line
                if "PlaceBind is at " in line:
                    break
            assert "PlaceBind is at " in said, said
            yield said.rpartition("PlaceBind is at ")[2].split()[0], process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("sigint", [signal.default_int_handler, signal.SIG_IGN], ids=["in front", "in the background of a script"])
def test_a_server_answers_as_soon_as_it_says_where_and_stops_cleanly_at_ctrl_c(world, tmp_path, sigint) -> None:
    with running(world.folder, tmp_path, sigint=sigint) as (address, process):
        assert address.startswith("http://localhost:")
        assert httpx.get(f"{address}/_stcore/health").text == "ok"
        page = httpx.get(address)
        assert "<title>Streamlit</title>" in page.text
        assert page.headers["x-content-type-options"] == "nosniff"
        assert httpx.get(f"{address}/_stcore/host-config").json()["allowedOrigins"] is not None
        status = httpx.get(f"{address}/api/v1/status", timeout=60).json()
        assert status["tables"]["articles"]["rows"] == 48
        found = httpx.get(f"{address}/api/v1/search", params={"text": "ice and snow", "kinds": "articles", "k": 1}, timeout=60)
        assert round(found.json()["hits"]["articles"][0]["lat"]) == 70
        assert httpx.get(f"{address}/api/v1/openapi.json").json()["info"]["title"] == "PlaceBind"
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=20)
        assert process.returncode == 0
        assert rest.split() == ["stopped"]


def test_a_real_server_guards_what_is_streamlits_too(world, tmp_path) -> None:
    """The address that it says can be followed although its token has characters that mean something in an address."""
    with running(world.folder, tmp_path, "--token", "ge&heim=# %41+/?") as (with_token, _):
        address, _, token = with_token.partition("/?token=")
        assert unquote(token) == "ge&heim=# %41+/?"
        socket_address = f"ws{address.removeprefix('http')}/_stcore/stream"
        for path in ("/", "/_stcore/health", "/static/index.html", "/favicon.png", "/api/v1/status", FRONT):
            assert httpx.get(address + path).status_code == 401, path
        with pytest.raises(InvalidStatus, match="403"), connect(socket_address):
            pass
        with httpx.Client() as visitor:
            assert visitor.get(with_token).headers["location"] == "/"
            assert visitor.get(address).status_code == 200
            cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        own = {"Cookie": cookie, "Origin": address}
        with connect(socket_address, additional_headers=own, subprotocols=["streamlit"]) as opened:
            assert opened.subprotocol == "streamlit"
        foreign = {"Cookie": cookie, "Origin": "http://localhost:3000"}
        with pytest.raises(InvalidStatus, match="403"), connect(socket_address, additional_headers=foreign):
            pass
        assert httpx.get(address, headers={"Cookie": cookie, "Host": "evil.example"}).status_code == 403
        _refuses_two_gigabytes(address, cookie)


def _refuses_two_gigabytes(address: str, cookie: str) -> None:
    """By what the length says at once; and where it is not said, after little more than may be sent."""
    host, port = address.removeprefix("http://").split(":")
    for path in ("/api/v1/uploads", "/_stcore/upload_file/session/file"):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=20) as stream:
            stream.sendall(f"{head}Content-Length: {2 * 2**30}\r\n\r\n".encode())
            assert b" 413 " in stream.recv(100)
    sent = 0

    def endless():
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        while sent < 2 * 2**30:
            sent += 2**20
            yield bytes(2**20)

    headers = {"Cookie": cookie, "Content-Type": "multipart/form-data; boundary=b"}
    with suppress(httpx.TransportError):  # the server may have answered and hung up while we are still sending
        assert httpx.post(f"{address}/api/v1/uploads", content=endless(), headers=headers, timeout=60).status_code == 413
    assert sent < 200 * 2**20


def test_a_port_in_use_is_said_in_a_sentence(world, run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run("ui", "--catalogue", world.folder, "--port", port, "--no-open")
    assert (code, f"port {port} is in use" in err, "--port" in err) == (2, True, True)
    assert "Traceback" not in err


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(InputError, match="--host"):
        listen("192.0.2.1", 0)


def test_the_body_of_an_answer_does_not_wait_until_its_head_is_acknowledged() -> None:
    async def sends_at_once() -> bool:
        taken = asyncio.Queue[int]()
        with listen("127.0.0.1", 0) as listener:

            async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                accepted = writer.get_extra_info("socket")
                taken.put_nowait(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                writer.close()

            async with await asyncio.start_server(visited, sock=listener):
                with socket.create_connection(listener.getsockname()):
                    return bool(await asyncio.wait_for(taken.get(), 10))

    assert asyncio.run(sends_at_once())


def test_no_catalogue_is_said_before_anything_is_started(tmp_path) -> None:
    with pytest.raises(CatalogueError, match="no catalogue at"):
        serve([str(tmp_path / "nothing")], port=0)


def test_catalogues_have_the_names_they_are_given_or_those_of_their_folders(tmp_path) -> None:
    assert named_folders([str(tmp_path), "big model=~/maps", "a=b=c"]) == {
        tmp_path.name: tmp_path, "big model": Path.home() / "maps", "a=b": Path("c"),
    }  # fmt: skip
    with pytest.raises(InputError, match="two catalogues are called 'x'"):
        named_folders(["/a/x", "/b/x"])


def test_one_checkpoint_is_not_for_two_catalogues(world) -> None:
    with pytest.raises(InputError, match="--checkpoint is for one"):
        serve([f"a={world.folder}", f"b={world.folder}"], checkpoint=world.checkpoint)


def test_only_a_server_for_everyone_answers_to_any_name() -> None:
    assert _host_names("0.0.0.0") == ()
    assert _host_names("127.0.0.1") == ("localhost", "127.0.0.1", "::1")
    assert _host_names("Maps.example") == ("localhost", "127.0.0.1", "::1", "maps.example")


def test_no_module_of_ui_hides_a_library() -> None:
    # Streamlit puts ui/page/ first on sys.path: a ui/page/json.py would be taken for the library by everything imported later.
    names = sorted({path.stem for path in PAGE.parent.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()})
    program = (
        "import sys, importlib.util, json\n"
        "print(json.dumps([name for name in json.loads(sys.argv[1]) if importlib.util.find_spec(name)]))"
    )
    names = [name for name in names if not name.startswith("__")]
    found = subprocess.run(
        [sys.executable, "-P", "-c", program, json.dumps(names)], capture_output=True, text=True, check=True, cwd="/"
    )
    assert "page" in names
    assert json.loads(found.stdout) == []
