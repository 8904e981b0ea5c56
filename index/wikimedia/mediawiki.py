"""The MediaWiki Action API: one query with its continuation, its lag and its errors. The source decides what to ask for.

https://www.mediawiki.org/wiki/API:Continue, API:Errors_and_warnings, Manual:Maxlag_parameter. Requests go out one after the
other, as https://www.mediawiki.org/wiki/API:Etiquette asks.
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from index.errors import SourceError
from index.http import Client, user_agent

MAX_ANSWER_BYTES = 64 * 2**20  # MediaWiki's own limit is 8 MiB of result (APIMaxResultSize), before JSON escapes it
MAXLAG_S = 5
LAG_WAIT_S = (
    5.0  # what MediaWiki's Retry-After says for maxlag=5; the header comes with HTTP 200, where the client hands on the body
)
PASSING = frozenset({"maxlag", "ratelimited", "readonly", "cirrussearch-too-busy-error"})  # errors that pass after a wait

Page = dict[str, Any]


class Interrupted(SourceError):
    """The API no longer knows where a continuation was (badcontinue): the results of its search have changed meanwhile."""


class Api:
    """``contact``, an e-mail address or a page, goes into the User-Agent, as Wikimedia's policy asks of those who crawl."""

    def __init__(self, endpoint: str, client: Client, contact: str = "") -> None:
        self.endpoint, self.client = endpoint, client
        self.headers = {"User-Agent": user_agent(contact)}

    def query(self, params: Mapping[str, Any]) -> Iterator[list[Page]]:
        """The pages of each answer, until there are no more. A page is repeated as its properties arrive: merge by pageid.

        A generator runs again for each answer. If its result changes meanwhile, properties can be missing at the end. Raises
        ``SourceError`` when the API refuses, keeps failing, or does not come to an end.
        """
        more: dict[str, Any] = {}
        asked = set()
        while True:
            try:
                answer = self._ask({**params, **more})
            except Interrupted:
                return
            yield self._pages(answer)
            more = answer.get("continue") or {}
            if not more:
                return
            mark = json.dumps(more, sort_keys=True)
            if mark in asked or not isinstance(more, dict):
                raise SourceError(f"{self.endpoint}: the API continues without an end (at {mark[:80]}); try again later")
            asked.add(mark)

    def _ask(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """One answer without an error; after an answer that is not JSON, or a passing error, it waits and asks again."""
        fixed = {"action": "query", "format": "json", "formatversion": 2, "maxlag": MAXLAG_S}
        problem = ""
        for attempt in range(self.client.retries + 1):
            answer = _decoded(self.client.get(self.endpoint, {**fixed, **params}, self.headers, MAX_ANSWER_BYTES))
            error = {"code": "", "info": "not a JSON object"} if answer is None else answer.get("error")
            if answer is not None and not error:
                return answer
            code, info = _text(error, "code"), _text(error, "info")
            if code == "badcontinue":
                raise Interrupted(f"{self.endpoint}: {info}")
            problem = f"{code}: {info}" if code else info
            if code and code not in PASSING and not code.startswith("internal_api_error"):
                raise SourceError(f"{self.endpoint}: the API refuses ({problem}); check the address and the options")
            if attempt < self.client.retries:
                time.sleep(self.client.pause_s(attempt, self._told_s(attempt, error)))
        again = "run the same command again later; it resumes where it stopped"
        raise SourceError(f"{self.endpoint}: {problem}, {self.client.retries + 1} times; {again}")

    def _told_s(self, attempt: int, error: Any) -> float | None:
        """At least what the API asks for when its databases lag, longer as attempts go by; None: the client's own backoff."""
        if _text(error, "code") != "maxlag":
            return None
        return max(LAG_WAIT_S, self.client.pause_s(attempt, None))

    def _pages(self, answer: dict[str, Any]) -> list[Page]:
        """The pages of one answer; there is no 'query' in it where nothing was found."""
        query = answer.get("query", {})
        pages = query.get("pages", []) if isinstance(query, dict) else None
        if not isinstance(pages, list) or not all(isinstance(page, dict) and isinstance(page.get("pageid"), int) for page in pages):
            raise SourceError(
                f"{self.endpoint}: expected pages in MediaWiki's format version 2, got something else; check the address"
            )
        return pages


def _decoded(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # a few kB of brackets exhaust the parser's stack
        return None
    return answer if isinstance(answer, dict) else None


def _text(error: Any, key: str) -> str:
    """A field of an API error, in one line and short: it comes from outside."""
    return " ".join(str(error.get(key, "")).split())[:160] if isinstance(error, dict) else str(error)[:160]
