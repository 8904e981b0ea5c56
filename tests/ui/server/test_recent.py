import os
import threading

import pytest

from index.errors import InputError, NotHereError
from ui.server import uploads
from ui.server.recent import Recent
from ui.server.uploads import Uploads


def test_what_was_used_longest_ago_gives_way() -> None:
    recent, made = Recent[str](2), []

    def make(key: str) -> str:
        return recent.get(key, lambda: made.append(key) or key)

    for key in ("a", "b", "a", "c", "a", "b"):
        make(key)
    assert made == ["a", "b", "c", "b"]


def test_two_that_want_the_same_wait_for_one_and_others_do_not_wait_for_them() -> None:
    recent, made, ready = Recent[int](5), [], threading.Event()

    def slowly() -> int:
        ready.wait(5)
        made.append(1)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(recent.get("slow", slowly))) for _ in range(8)]
    for each in threads:
        each.start()
    assert recent.get("other", lambda: 3) == 3
    ready.set()
    for each in threads:
        each.join()
    assert (found, made) == ([7] * 8, [1])


def test_what_failed_is_tried_again() -> None:
    recent = Recent[int](5)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 // 0)
    assert recent.get("a", lambda: 1) == 1


def test_an_upload_is_kept_under_its_digest_and_read_back(tmp_path) -> None:
    kept = Uploads(tmp_path / "uploads")
    name = kept.add(b"abc")
    assert name == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert kept.add(b"abc") == name
    assert kept.read(name) == b"abc"
    assert Uploads(tmp_path / "uploads").read(name) == b"abc", "after a restart too"


def test_the_oldest_uploads_give_way_and_using_one_makes_it_young(tmp_path) -> None:
    kept = Uploads(tmp_path, kept_bytes=10_000)
    first, second = kept.add(b"1" * 4000), kept.add(b"2" * 4000)
    for age_s, name in ((100, first), (50, second)):
        os.utime(tmp_path / name, (1e9 - age_s, 1e9 - age_s))
    kept.read(first)
    third = kept.add(b"3" * 4000)
    assert {each.name for each in tmp_path.iterdir()} == {first, third}
    with pytest.raises(NotHereError, match="upload it again"):
        kept.read(second)


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "/etc/passwd", "0" * 64, "A" * 64, "0" * 63 + "\n", "\0"])
def test_no_name_reads_anything_else(tmp_path, name) -> None:
    with pytest.raises(NotHereError):
        Uploads(tmp_path / "uploads").read(name)


def test_nothing_and_too_much_are_not_kept(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 10)
    for content in (b"", b"x" * 11):
        with pytest.raises(InputError, match="send a smaller one"):
            Uploads(tmp_path).add(content)
    assert not list(tmp_path.iterdir())
