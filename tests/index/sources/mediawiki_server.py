"""A Wikipedia of invented articles on loopback: the part of the Action API that the source uses, with its limits and its failures.

Written after the sources of MediaWiki and of its extensions GeoData and TextExtracts: which boxes are refused, that a
search is cut at its limit without a word, how each property continues, and that most errors come as HTTP 200.
"""

import json
import math
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MOST_HITS, MOST_LEADS, MOST_COORDINATES = 500, 20, 500
RADIUS_M = 6371010.0


@dataclass
class Invented:
    """``globe`` and ``primary`` as of its one coordinate; ``in_search`` where the search index still has it, ``deleted`` not."""

    number: int
    title: str
    lat: float
    lon: float
    lead: str = "A place that was invented for a test."
    rest: str = "\n\n\nHistory\nNothing ever happened there."
    globe: str = "earth"
    country: str = ""
    properties: dict = field(default_factory=dict)
    deleted: bool = False
    has_coordinate: bool = True
    image: str = ""  # the name of its file


class ApiRefusal(Exception):
    def __init__(self, code, info):
        self.code, self.info = code, info


def distance_m(lat1, lon1, lat2, lon2):
    a, b, c, d = (math.radians(each) for each in (lat1, lon1, lat2, lon2))
    return 2 * RADIUS_M * math.asin(math.sqrt(math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2))


class MediaWiki:
    """``faults`` maps the number of a request (from 1) to how it fails; from request ``down_from`` on all are refused."""

    def __init__(self, articles):
        self.articles = {article.number: article for article in articles}
        self.faults, self.down_from = {}, None
        self.requests, self.boxes, self.agents = 0, Counter(), set()
        self.failed_at_s, self.asked_at_s = [], []
        self.shift = lambda titles, request: titles  # how the search's order changes between two requests
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/w/api.php"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, params):
        number = self.requests
        numbers = (
            self.shift(self._search(params), number) if "generator" in params else [int(n) for n in params["pageids"].split("|")]
        )
        titles = [self.articles[n] for n in numbers if n in self.articles and not self.articles[n].deleted]
        if not titles:
            return {"batchcomplete": True}
        pages = {each.number: {"pageid": each.number, "ns": 0, "title": each.title} for each in titles}
        done = set(params.get("continue", "||").split("||")[1].split("|"))
        more = {}
        for name in params["prop"].split("|"):
            if name not in done:
                later = getattr(self, f"_{name}")(titles, params, pages)
                more |= later
                if not later:
                    done.add(name)
        answer = {"query": {"pages": list(pages.values())}, "warnings": {"extracts": {"warnings": "exlimit was lowered"}}}
        if more:
            return answer | {"continue": more | {"continue": "||" + "|".join(sorted(done - {""}))}}
        return answer | {"batchcomplete": True}

    def _search(self, params):
        top, left, bottom, right = (float(edge) for edge in params["ggsbbox"].split("|"))
        if not (-90 <= bottom < top <= 90 and -180 <= left <= 180 and -180 <= right <= 180):
            raise ApiRefusal("invalid-bbox", "Invalid bounding box")
        area = distance_m(bottom, 0, top, 0) * distance_m((top + bottom) / 2, left, (top + bottom) / 2, right)
        if not 100 <= area <= 4 * 10_000**2:
            raise ApiRefusal("toobig", "Bounding box is too big")
        self.boxes[params["ggsbbox"]] += 1
        limit = int(params["ggslimit"])
        assert limit <= MOST_HITS
        inside = [
            each
            for each in self.articles.values()
            if each.has_coordinate and each.globe == "earth" and bottom <= each.lat <= top and left <= each.lon <= right
        ]
        centre = (top + bottom) / 2, (left + right) / 2
        shrink = math.cos(math.radians(centre[0]))
        inside.sort(key=lambda each: (each.lat - centre[0]) ** 2 + ((each.lon - centre[1]) * shrink) ** 2)
        return sorted(each.number for each in inside[:limit])

    def _coordinates(self, titles, params, pages):
        limit = MOST_COORDINATES if params.get("colimit") == "max" else 10
        for each in titles[:limit]:
            if each.has_coordinate:
                point = {"lat": each.lat, "lon": each.lon, "primary": True, "globe": each.globe}
                pages[each.number]["coordinates"] = [point | ({"country": each.country} if each.country else {})]
        return {}

    def _extracts(self, titles, params, pages):
        intro = "exintro" in params
        limit = min(int(params["exlimit"]), MOST_LEADS if intro else 1)
        start = int(params.get("excontinue", 0))
        if start > len(titles):
            raise ApiRefusal("badcontinue", "Invalid continue param. You should pass the original value returned by the query.")
        for each in titles[start : start + limit]:
            pages[each.number]["extract"] = each.lead if intro else each.lead + each.rest
        return {"excontinue": start + limit} if start + limit < len(titles) else {}

    def _pageprops(self, titles, params, pages):
        wanted = params["ppprop"].split("|")
        for each in titles:
            known = {"wikibase_item": f"Q{each.number}", "defaultsort": each.title} | each.properties
            known |= {"page_image_free": each.image} if each.image else {}
            pages[each.number]["pageprops"] = {key: value for key, value in known.items() if key in wanted}
        return {}

    def _info(self, titles, params, pages):
        assert params["inprop"] == "url"
        for each in titles:
            pages[each.number] |= {"contentmodel": "wikitext", "lastrevid": each.number * 7, "pagelanguage": "en"}
            pages[each.number]["fullurl"] = f"https://en.wikipedia.org/wiki/{each.title.replace(' ', '_')}"
        return {}

    def _handler(wiki):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

            def log_message(self, *args):
                pass

            def do_GET(self):
                url = urlsplit(self.path)
                params = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
                with wiki._lock:
                    wiki.requests += 1
                    wiki.asked_at_s.append(time.monotonic())
                    wiki.agents.add(self.headers["User-Agent"])
                    fault = "down" if wiki.down_from and wiki.requests >= wiki.down_from else wiki.faults.get(wiki.requests, "")
                    body = self._body(params)
                if fault:
                    wiki.failed_at_s.append(time.monotonic())
                getattr(self, f"_{fault or 'ok'}")(body)

            def _body(self, params):
                expected = {"action": "query", "format": "json", "formatversion": "2", "maxlag": "5"}
                assert {key: params.get(key) for key in expected} == expected
                try:
                    return json.dumps(wiki.answer(params)).encode()
                except ApiRefusal as refusal:
                    return json.dumps({"error": {"code": refusal.code, "info": refusal.info}}).encode()

            def _send(self, body, status=200, length=None, **headers):
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(body) if length is None else length))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def _ok(self, body):
                self._send(body)

            def _down(self, body):
                self._send(b"Scripts should use an informative User-Agent", 403)

            def _429(self, body):
                self._send(b"Too many requests", 429, Retry_After="0.2")

            def _503(self, body):
                self._send(b"<html>Our servers are currently under maintenance</html>", 503)

            def _half(self, body):
                self._send(body[: len(body) // 2], length=len(body))
                self.close_connection = True

            def _dropped(self, body):
                self.connection.close()
                self.close_connection = True

            def _loop(self, body):
                self._send(b"", 302, Location=self.path)

            def _html(self, body):
                self._send(b"<!DOCTYPE html><title>Wikimedia Error</title>")

            def _brackets(self, body):
                self._send(b"[" * 200_000)

            def _maxlag(self, body):
                error = {"code": "maxlag", "info": "Waiting for 10.64.16.7: 6.3 seconds lagged.", "host": "10.64.16.7", "lag": 6.3}
                self._send(json.dumps({"error": error}).encode(), Retry_After="5", X_Database_Lag="6")

            def _internal(self, body):
                error = {"code": "internal_api_error_DBQueryError", "info": "[a1b2] Caught exception of type DBQueryError"}
                self._send(json.dumps({"error": error}).encode())

            def _refusal(self, body):
                self._send(json.dumps({"error": {"code": "toobig", "info": "Bounding box is\ntoo big"}}).encode())

        return Handler
