"""The HTTP client of all sources, against a server that answers from a script. Times are computed by hand, with tiny backoffs."""

import re
import threading
import time
from collections import deque
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from index import http
from index.errors import ConfigError, SourceError
from index.http import Client, user_agent


class Script:
    """Each request takes the next answer, the last one stays: (status, body, headers); ``Content-Length`` may lie, or be None."""

    def __init__(self):
        self.answers, self.asked_at_s, self.seen = deque(), [], []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/x"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _handler(script):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def do_GET(self):
                with script._lock:
                    script.asked_at_s.append(time.monotonic())
                    script.seen.append((self.path, dict(self.headers)))
                    answers = script.answers
                    status, body, headers = answers.popleft() if len(answers) > 1 else answers[0]
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    if value is not None:
                        self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

        return Handler


@pytest.fixture
def script(monkeypatch):
    monkeypatch.delenv(http.CONTACT_VARIABLE, raising=False)
    opened = Script()
    yield opened
    opened.close()


def answer(status=200, body=b"hello", **headers):
    return status, body, {name.replace("_", "-"): value for name, value in headers.items()}


def client(**options):
    return Client(**{"backoff_s": 0.001, "retries": 3} | options)


def waits_s(script):
    return [later - earlier for earlier, later in zip(script.asked_at_s[:-1], script.asked_at_s[1:], strict=True)]


def test_a_body_comes_whole_and_is_counted(script):
    script.answers.append(answer(body=b"a" * 100_000))
    asking = client()
    assert asking.get(script.url, {"lat": 1.5, "name": "Ä b"}) == b"a" * 100_000
    assert (asking.requests, asking.bytes) == (1, 100_000)
    path, headers = script.seen[0]
    assert path == "/x?lat=1.5&name=%C3%84+b"
    assert re.fullmatch(r"PlaceBind/\S+ \(geospatial research\) python-requests/\S+", headers["User-Agent"])


def test_who_runs_it_can_be_named_once_for_all_servers(script, monkeypatch):
    monkeypatch.setenv("PLACEBIND_CONTACT", " geo@example.org\n")
    script.answers.append(answer())
    client().get(script.url)
    assert "(geospatial research; geo@example.org)" in script.seen[0][1]["User-Agent"]
    assert "(geospatial research; me@example.org)" in user_agent("me@example.org")


@pytest.mark.parametrize("contact", ["geo@example.org\r\nCookie: b", "Jürgen"])
def test_a_contact_that_cannot_stand_in_a_header_is_refused(contact, monkeypatch):
    monkeypatch.setenv("PLACEBIND_CONTACT", contact)
    with pytest.raises(ConfigError, match="PLACEBIND_CONTACT: expected an e-mail or a web address"):
        client()


def test_headers_of_a_request_go_along(script):
    script.answers.append(answer())
    client().get(script.url, headers={"Range": "bytes=0-3", "User-Agent": "Mine/1"})
    assert (script.seen[0][1]["Range"], script.seen[0][1]["User-Agent"]) == ("bytes=0-3", "Mine/1")


@pytest.mark.parametrize("status", sorted(http.RETRIED_STATUS))
def test_a_status_that_passes_is_tried_again(script, status):
    script.answers += [answer(status), answer(status), answer()]
    assert client().get(script.url) == b"hello"
    assert len(script.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_a_status_that_stays_is_not_tried_again(script, status):
    script.answers.append(answer(status, b"<p>no such\n page</p>"))
    with pytest.raises(
        SourceError, match=rf"HTTP {status} \(<p>no such page</p>\); check the address and the access rights"
    ) as caught:
        client().get(script.url)
    assert (len(script.seen), caught.value.status) == (1, status)


def test_a_refusal_whose_body_breaks_off_is_still_one_line(script):
    script.answers.append(answer(404, b"gone", Content_Length="1000"))
    with pytest.raises(SourceError, match="HTTP 404"):
        client().get(script.url)


def test_a_refusal_whose_body_is_no_gzip_is_still_one_line(script):
    script.answers.append(answer(403, b"this is not gzip", Content_Encoding="gzip"))
    with pytest.raises(SourceError, match="HTTP 403"):
        client().get(script.url)


def test_after_the_last_retry_the_message_says_how_often_and_what_to_do(script):
    script.answers.append(answer(503))
    with pytest.raises(SourceError, match="HTTP 503, 4 times; run the same command again later") as caught:
        client(retries=3).get(script.url)
    assert (len(script.seen), caught.value.status) == (4, 503)


def test_the_backoff_doubles_with_a_quarter_of_jitter():
    asking = Client(backoff_s=2, max_wait_s=1000)
    for attempt, middle_s in enumerate((2, 4, 8, 16, 32)):
        pauses_s = [asking.pause_s(attempt, None) for _ in range(200)]
        assert 0.75 * middle_s <= min(pauses_s) < 0.85 * middle_s
        assert 1.15 * middle_s < max(pauses_s) <= 1.25 * middle_s


@pytest.mark.parametrize(
    ("told_s", "pause_s"), [(7.0, 7.0), (0.0, 0.0), (-3.0, 0.0), (500.0, 120.0), (float("inf"), 120.0), (float("nan"), 120.0)]
)
def test_what_the_server_says_goes_before_the_backoff_up_to_a_limit(told_s, pause_s):
    assert Client(backoff_s=1, max_wait_s=120).pause_s(3, told_s) == pause_s


def test_no_pause_is_longer_than_the_limit():
    assert Client(backoff_s=1, max_wait_s=30).pause_s(20, None) == 30


def test_retry_after_is_waited_for(script):
    script.answers += [answer(429, Retry_After="0.3"), answer()]
    client().get(script.url)
    assert 0.3 <= waits_s(script)[0] < 5


def test_a_retry_after_that_is_a_date_is_waited_for(script):
    def in_s(seconds):
        return formatdate(time.time() + seconds, usegmt=True)  # whole seconds, so up to one second less

    script.answers += [answer(429, Retry_After=in_s(2)), answer()]
    client().get(script.url)
    assert 0.9 <= waits_s(script)[0] < 5


def test_a_date_is_bounded_as_seconds_are_and_one_that_has_passed_asks_for_no_wait(script):
    script.answers += [
        answer(503, Retry_After=formatdate(time.time() + 86_400, usegmt=True)),
        answer(503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
        answer(),
    ]
    assert client(max_wait_s=0.3, backoff_s=60).get(script.url) == b"hello"
    first_s, second_s = waits_s(script)
    assert 0.3 <= first_s < 5
    assert second_s < 0.3 + first_s


@pytest.mark.parametrize("told", ["soon", "", "nan", "inf", "Wed, 99 Foo 2026 07:28:00 GMT", "Wed, 21 Oct 99999999 07:28:00 GMT"])
def test_a_retry_after_that_is_nonsense_falls_back_on_the_backoff(script, told):
    script.answers += [answer(503, Retry_After=told), answer()]
    assert client(backoff_s=0.1).get(script.url) == b"hello"
    assert 0.075 <= waits_s(script)[0] < 5


def test_the_interval_holds_for_all_threads_together(script):
    script.answers.append(answer())
    asking = client(min_interval_s=0.05)
    threads = [threading.Thread(target=lambda: [asking.get(script.url) for _ in range(3)]) for _ in range(4)]
    begun_s = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(script.seen) == asking.requests == 12
    assert asking.bytes == 12 * 5
    assert time.monotonic() - begun_s >= 11 * 0.05


def test_a_retry_too_waits_for_its_turn(script):
    script.answers += [answer(503), answer()]
    begun_s = time.monotonic()
    client(min_interval_s=0.2, backoff_s=0.001).get(script.url)
    assert time.monotonic() - begun_s >= 0.2


def test_a_body_shorter_than_announced_is_asked_for_again(script):
    script.answers += [answer(body=b"hel", Content_Length="5"), answer()]
    assert client().get(script.url) == b"hello"


def test_a_body_that_stays_short_is_an_error_not_a_short_body(script):
    script.answers.append(answer(body=b"hel", Content_Length="5"))
    with pytest.raises(SourceError, match="4 times"):
        client().get(script.url)


def test_a_chunked_body_that_breaks_off_is_asked_for_again(script):
    script.answers += [answer(body=b"5\r\nhel", Transfer_Encoding="chunked", Content_Length=None), answer()]
    assert client().get(script.url) == b"hello"


def test_a_damaged_gzip_body_is_asked_for_again(script):
    script.answers += [answer(body=b"this is not gzip", Content_Encoding="gzip"), answer()]
    assert client().get(script.url) == b"hello"


def test_a_server_that_says_nothing_is_given_up_after_the_time_out(monkeypatch):
    import socket

    monkeypatch.setattr(http, "TIMEOUT_S", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun_s = time.monotonic()
        with pytest.raises(SourceError, match="2 times"):
            client(retries=1).get(f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert 0.4 <= time.monotonic() - begun_s < 3


def test_a_server_that_is_not_there_is_an_error_with_the_remedy():
    with pytest.raises(SourceError, match=r"ConnectionError, 2 times; run the same command again") as caught:
        client(retries=1).get("http://127.0.0.1:9/")
    assert caught.value.status is None


def test_the_status_of_an_error_is_that_of_the_last_answer(script):
    cut_short = answer(body=b"hello", Content_Length="1000")
    script.answers += [answer(503), cut_short]
    with pytest.raises(SourceError, match="2 times") as caught:
        client(retries=1).get(script.url)
    assert caught.value.status is None


def test_a_body_over_the_limit_is_refused_at_once(script):
    script.answers.append(answer(body=b"a" * 1001))
    with pytest.raises(SourceError, match="larger than 1000 bytes") as caught:
        client().get(script.url, max_bytes=1000)
    assert (len(script.seen), caught.value.status) == (1, 200)
    script.answers[0] = answer(body=b"a" * 1000)
    assert len(client().get(script.url, max_bytes=1000)) == 1000


def test_a_gzip_bomb_counts_unpacked(script):
    import gzip

    script.answers.append(answer(body=gzip.compress(b"\0" * 5_000_000), Content_Encoding="gzip"))
    with pytest.raises(SourceError, match="larger than 1000000 bytes"):
        client().get(script.url, max_bytes=1_000_000)


def test_a_redirect_is_followed_and_a_loop_is_left(script):
    script.answers += [answer(302, b"", Location=script.url), answer()]
    assert client().get(script.url) == b"hello"
    script.answers.clear()
    script.answers.append(answer(302, b"", Location=script.url))
    with pytest.raises(SourceError, match="more than 5 redirects; check the address") as caught:
        client().get(script.url)
    assert (len(script.seen), caught.value.status) == (2 + 6, 302)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x", "nonsense", "http://"])
def test_only_http_addresses_are_opened(address):
    with pytest.raises(SourceError, match="check the address"):
        client().get(address)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_http_addresses_are_opened_behind_a_redirect_too(script, address):
    script.answers.append(answer(302, b"", Location=address))
    with pytest.raises(SourceError, match="check the address"):
        client().get(script.url)
