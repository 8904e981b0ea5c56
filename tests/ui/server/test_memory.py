"""Pictures that unpack to all that a picture may take, sent to a real server by many at once; the kernel measures its memory."""

import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from retrieval.asking.photo import MAX_DECODED_BYTES
from tests.ui.server.test_serve import running

MOST_BYTES_PER_PIXEL = 20  # of a WebP
PROC = Path("/proc")


def bomb() -> bytes:
    """A WebP of as many pixels as are decoded, in a few thousand bytes."""
    side = int((MAX_DECODED_BYTES / MOST_BYTES_PER_PIXEL) ** 0.5)
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (200, 180, 120)).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def most_mib(pid: int) -> int:
    """The most memory that the process has held at a time since it was forgotten."""
    (kib,) = re.findall(r"VmHWM:\s*(\d+)", (PROC / str(pid) / "status").read_text())
    return int(kib) // 1024


@pytest.mark.slow
@pytest.mark.skipif(not PROC.exists(), reason="reads /proc of Linux")
def test_eight_pictures_sent_and_asked_with_at_once_take_less_than_a_gibibyte(world, tmp_path) -> None:
    content = bomb()
    assert len(content) < 2**16
    with running(world.folder, tmp_path) as (address, process), httpx.Client(base_url=f"{address}/api/v1", timeout=120) as visitor:

        def send(data: bytes) -> httpx.Response:
            return visitor.post("/uploads", files={"file": ("bomb.webp", data)})

        def ask(name: str) -> httpx.Response:
            return visitor.get("/search", params={"image": name, "kinds": "tiles", "k": 1})

        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (240, 245, 250)).save(buffer, "PNG")
        assert ask(send(buffer.getvalue()).json()["name"]).status_code == 200, "all that is loaded once is there"
        (PROC / str(process.pid) / "clear_refs").write_text("5")
        before = most_mib(process.pid)
        with ThreadPoolExecutor(8) as eight:
            sent = list(eight.map(send, [content] * 8))
            asked = list(eight.map(ask, [answer.json()["name"] for answer in sent]))
        assert [answer.status_code for answer in (*sent, *asked)] == [200] * 16
        assert most_mib(process.pid) - before < 1024
