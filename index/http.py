"""How sources talk to servers: politely (User-Agent, rate limit), patiently (retries with backoff), and never without a limit."""

import math
import os
import random
import threading
import time
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from importlib.metadata import version
from typing import Any

import requests
import urllib3

from index.errors import ConfigError, SourceError

CONTACT_VARIABLE = "PLACEBIND_CONTACT"
TIMEOUT_S = (10, 60)  # to connect, between two bytes
MAX_REDIRECTS = 5
MAX_BODY_BYTES = 512 * 2**20
RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class Client:
    """GET with retries. Safe to share between threads: ``min_interval_s`` holds for all of them together.

    Waits ``backoff_s`` * 2**n with jitter before the n-th retry, or as long as Retry-After says (at most ``max_wait_s``).
    """

    def __init__(self, *, min_interval_s: float = 0.0, retries: int = 6, backoff_s: float = 1.0, max_wait_s: float = 120.0) -> None:
        self.min_interval_s, self.retries, self.backoff_s, self.max_wait_s = min_interval_s, retries, backoff_s, max_wait_s
        self.requests = 0
        self.bytes = 0
        self._session = requests.Session()
        self._session.max_redirects = MAX_REDIRECTS
        self._session.headers["User-Agent"] = user_agent()
        self._lock = threading.Lock()
        self._next_s = 0.0

    def get(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> bytes:
        """The whole body. Raises ``SourceError`` when the server refuses, keeps failing, redirects in circles or sends too much."""
        problem, status = "", None
        for attempt in range(self.retries + 1):
            self._wait_for_turn()
            try:
                with self._session.get(url, params=params, headers=headers, timeout=TIMEOUT_S, stream=True) as response:
                    if response.status_code < 400:
                        return self._read(response, max_bytes)
                    status = response.status_code
                    problem = f"HTTP {status}"
                    if status not in RETRIED_STATUS:
                        why = f"{problem} ({_first_line(response)}); check the address and the access rights"
                        raise SourceError(f"{url}: {why}", status=status)
                    told_s = _retry_after_s(response)
            except _TRANSIENT as error:
                problem, status, told_s = f"{type(error).__name__}", None, None
            except requests.TooManyRedirects as error:
                status = None if error.response is None else error.response.status_code
                raise SourceError(f"{url}: more than {MAX_REDIRECTS} redirects; check the address", status=status) from None
            except requests.RequestException as error:
                raise SourceError(f"{url}: {error}; check the address") from None
            if attempt < self.retries:
                time.sleep(self.pause_s(attempt, told_s))
        raise SourceError(
            f"{url}: {problem}, {self.retries + 1} times; run the same command again later; it resumes where it stopped",
            status=status,
        )

    def pause_s(self, attempt: int, told_s: float | None) -> float:
        """How long to wait before retry number ``attempt`` (from 0)."""
        own_s = self.backoff_s * 2**attempt * random.uniform(0.75, 1.25)
        return min(self.max_wait_s, own_s if told_s is None else max(told_s, 0.0))

    def _read(self, response: requests.Response, max_bytes: int) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_content(2**16):
            size += len(chunk)
            if size > max_bytes:
                why = f"the answer is larger than {max_bytes} bytes; ask for less at once"
                raise SourceError(f"{response.url}: {why}", status=response.status_code)
            chunks.append(chunk)
        with self._lock:
            self.requests, self.bytes = self.requests + 1, self.bytes + size
        return b"".join(chunks)

    def _wait_for_turn(self) -> None:
        with self._lock:
            turn_s = max(time.monotonic(), self._next_s)
            self._next_s = turn_s + self.min_interval_s
        time.sleep(max(0.0, turn_s - time.monotonic()))


def user_agent(contact: str = "") -> str:
    """The program, with an e-mail address or web page of its operator: ``contact``, else PLACEBIND_CONTACT, else nothing.

    In the form of https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy. Raises ``ConfigError``.
    """
    contact = contact or os.environ.get(CONTACT_VARIABLE, "").strip()
    if not (contact.isascii() and contact.isprintable()):
        raise ConfigError(f"{CONTACT_VARIABLE}: expected an e-mail or a web address in plain ASCII, got {contact!r}")
    about = "; ".join(filter(None, ["geospatial research", contact]))
    return f"PlaceBind/{version('placebind')} ({about}) python-requests/{requests.__version__}"


def _retry_after_s(response: requests.Response) -> float | None:
    """The server's Retry-After in seconds: a number, or an HTTP date (RFC 9110, 10.2.3) relative to our clock."""
    told = response.headers.get("Retry-After", "")
    try:
        seconds = float(told)
        return seconds if math.isfinite(seconds) else None
    except ValueError:
        date = parsedate_tz(told)
    try:
        return mktime_tz(date) - time.time() if date else None
    except (ValueError, OverflowError):  # an impossible date
        return None


def _first_line(response: requests.Response) -> str:
    """The beginning of a refusal's body; its reason phrase if the body breaks off or cannot be unpacked."""
    try:
        said = response.raw.read(200, decode_content=True).decode(errors="replace")
    except urllib3.exceptions.HTTPError:
        said = response.reason
    return " ".join(said.split())[:120]
