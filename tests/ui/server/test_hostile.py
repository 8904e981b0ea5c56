"""What a stranger may send to the HTTP API. Whatever it is, the answer is a sentence with a status below 500."""

import json

import pytest

TRAVERSALS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cetc%5cpasswd",
    "%2fetc%2fpasswd",
    "....//....//etc/passwd",
    "%00",
    "a%0Ab",
    "%0D%0A",
    "x" * 4000,
]
ROUTES = [
    "/{}",
    "/api/{}",
    "/front/{}",
    "/front/leaflet/dist/{}",
    "/api/v1/heat/{}/0/0/0.png",
    "/api/v1/heat/0123456789abcdef/{}/0/0.png",
    "/api/v1/heat/{}.tif",
    "/api/v1/heat/{}.png",
    "/api/v1/thumbnails/{}.png",
    "/api/v1/basemap/blue-marble/0/0/{}.jpg",
    "/api/v1/atlas/clusters/{}/0/0/0.png",
    "/api/v1/atlas/components/0/0/{}.png",
    "/api/v1/atlas/components/0/0/0.png?aspect={}",
    "/api/v1/basemap/{}/0/0/0.jpg",
    "/api/v1/export.{}",
    "/api/v1/status?catalogue={}",
    "/api/v1/search?text=x&image={}",
]
TEXTS = {
    "a megabyte": "x" * 2**20,
    "right to left": "شلال في الغابة ‮gpj.exe",
    "not of the plane": "🏝️" * 50 + "\U0010ffff",
    "with a null": "snow\0ice",
    "with controls": "snow\r\nSet-Cookie: a=b\x1b[31m",
    "half a surrogate": "\ud800",
    "HTML": "<img src=x onerror=alert(1)>{{7*7}}${7*7}",
    "SQL": "'; DROP TABLE articles; --",
    "blank": " \t\u2003",
}
NUMBERS = ["NaN", "Infinity", "-Infinity", "1e400", "0x10", "1,5", "", "[]", "null", "９９９999", "'1' OR '1'='1"]
CONDITIONS = [
    "1=1; DROP TABLE articles",
    "id = 'x') OR (1=1",
    "1=1 --",
    "title = '" + "a" * 100_000,
    "repeat('a', 1000000000) = 'a'",
    "(" * 500 + "1=1" + ")" * 500,
    "pg_read_file('/etc/passwd') = ''",
    "nothing = 1",
]


def sentence(answer) -> str:
    """What the server says, after a check that it is an answer to a visitor and not a fault of the server."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:500])
    assert "root:" not in answer.text
    assert "Traceback" not in answer.text
    assert not [name for name in answer.headers if name.startswith("access-control")]
    if answer.headers["content-type"] == "application/json":
        assert set(answer.json()) == {"error"}
        assert len(answer.json()["error"]) <= 1000
        return answer.json()["error"]
    return answer.text


@pytest.mark.parametrize("route", ROUTES)
def test_no_path_leads_out_of_what_is_served(visitor, route) -> None:
    for path in TRAVERSALS:
        sentence(visitor.get(route.format(path)))


@pytest.mark.parametrize("name", TEXTS)
def test_any_text_is_an_answer_or_a_sentence(visitor, name) -> None:
    question = {"parts": [{"text": TEXTS[name]}]}
    for path, more in (("/api/v1/search", {"kinds": ["articles"], "k": 2}), ("/api/v1/heat", {})):
        body = json.dumps(question | more).encode()
        answer = visitor.post(path, content=body, headers={"content-type": "application/json"})
        if name in ("a megabyte", "blank", "half a surrogate"):
            sentence(answer)
        else:
            assert answer.status_code == 200, answer.text
    embedded = visitor.post(
        "/api/v1/embed", content=json.dumps({"texts": [TEXTS[name]]}), headers={"content-type": "application/json"}
    )
    assert embedded.status_code < 500


def test_a_text_goes_into_files_as_it_is_and_never_into_headers(visitor) -> None:
    text = TEXTS["with controls"]
    name = visitor.get("/api/v1/heat", params={"text": text}).json()["name"]
    for address in (f"/api/v1/heat/{name}.tif?width=64", f"/api/v1/heat/{name}.png?width=64"):
        answer = visitor.get(address)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    exported = visitor.get("/api/v1/export.geojson", params={"text": text})
    assert exported.json()["placebind"]["query"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("field", ["lat", "k", "apart_km"])
def test_what_is_no_number_is_refused(visitor, field, number) -> None:
    given = {"text": "snow", "lat": 1, "lon": 1} | {field: number}
    sentence(visitor.get("/api/v1/search", params=given))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"parts": null}',
        b'{"parts": []}',
        b'{"parts": [{}]}',
        b'{"parts": [{"text": 7}]}',
        b'{"parts": [{"text": "a", "place": {"lat": 1, "lon": 1}}]}',
        b'{"parts": [{"place": {"lat": NaN, "lon": 1}}]}',
        b'{"parts": [{"place": {"lat": 91, "lon": 1}}]}',
        b'{"parts": [{"text": "a", "weight": NaN}]}',
        b'{"parts": [{"text": "a", "weight": 0}]}',
        b'{"parts": [{"text": "a", "weight": 1e308}]}',
        b'{"parts": [{"text": "a"}], "apart_km": NaN}',
        b'{"parts": [{"text": "a"}], "apart_km": Infinity}',
        b'{"parts": [{"text": "a"}], "k": 1e9}',
        b'{"parts": [{"text": "a"}], "kinds": ["__class__"]}',
        b'{"parts": [{"text": "a"}], "filter": {"__proto__": 1}}',
        b'{"parts": [{"text": "a"}], "filter": {"bbox": [NaN, NaN, NaN, NaN]}}',
        b'{"parts": [{"text": "a"}], "filter": {"near": [0, 0, NaN]}}',
        b'{"parts": [{"text": "a"}], "filter": {"polygon": "/etc/passwd"}}',
        b'{"parts": [{"text": "a"}], "filter": {"polygon": {"type": "Polygon", "coordinates": [[[1e400, 0]]]}}}',
        b'{"parts": [{"text": "a"}], "filter": {"countries": [{"a": 1}]}}',
        b'{"parts": [{"text": "a"}], "filter": {"dates": "yesterday"}}',
        b'{"parts": [{"record": {"modality": "articles", "id": "\' OR 1=1 --"}}]}',
        b'{"parts": [{"record": {"modality": "articles", "id": "00000000000000000000000000000000"}}]}',
        b'{"parts": [{"image": "../../../../../../../../../../etc/passwd"}]}',
        b"\xff\xfe{}",
        json.dumps({"parts": [{"text": "a"}] * 33}).encode(),
    ],
)
def test_a_question_that_is_none_is_refused(visitor, body) -> None:
    for path in ("/api/v1/search", "/api/v1/heat"):
        sentence(visitor.post(path, content=body, headers={"content-type": "application/json"}))
    sentence(visitor.get("/api/v1/search", params={"ask": body.decode("latin-1")[:20_000]}))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_sql_in_a_filter_is_a_condition_or_nothing(visitor, condition) -> None:
    question = {"parts": [{"text": "snow"}], "kinds": ["articles"], "filter": {"where": condition}}
    assert sentence(visitor.post("/api/v1/search", json=question))
    assert len(visitor.get("/api/v1/search", params={"text": "snow", "kinds": "articles"}).json()["hits"]["articles"]) == 10


def test_values_of_filters_are_values_and_no_sql(visitor) -> None:
    for country in ("' OR '1'='1", "Atlantis'; DROP TABLE articles; --", "%", "\\'"):
        answer = visitor.get("/api/v1/search", params={"text": "snow", "kinds": "articles", "countries": country})
        assert answer.status_code == 422
        assert "no record that is searched is in a country" in answer.json()["error"]


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "MKCOL", "get"])
@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/uploads", "/api/v1/status", "/front/leaflet/dist/leaflet.js"])
def test_other_methods_are_refused(visitor, method, path) -> None:
    answer = visitor.build_request(method, path)
    answer.method = method
    assert visitor.send(answer).status_code == 405


def test_head_is_answered_without_a_body(visitor) -> None:
    answer = visitor.head("/api/v1/status")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_megabyte_of_parameters_or_headers_is_no_fault_of_the_server(visitor) -> None:
    assert visitor.get("/api/v1/search", params={"text": "x" * 60_000}).status_code == 200, "of which the first are read"
    assert visitor.get("/api/v1/status", headers={"if-none-match": "x" * 60_000, "cookie": "a=b;" * 10_000}).status_code == 200
    sentence(visitor.get("/api/v1/search?" + "kinds=articles&" * 4000))
    sentence(visitor.post("/api/v1/search", content=b"{}" + b" " * 2**20, headers={"content-type": "application/json"}))


def test_a_form_of_a_thousand_files_is_refused(visitor) -> None:
    many = [("file", (f"{number}.png", b"x", "image/png")) for number in range(1001)]
    sentence(visitor.post("/api/v1/uploads", files=many))
