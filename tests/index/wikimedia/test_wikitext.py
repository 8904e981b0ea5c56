"""Coordinates and plain text from wikitext: the forms of Template:Coord, its older names and old infoboxes; answers by hand."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import InputError
from index.wikimedia.angles import angle_from_text, place_at_end, place_from_text
from index.wikimedia.wikitext import Wikitext, without_notes


def place(wikitext: str) -> tuple[float, float] | None:
    found = Wikitext(wikitext).coordinates()
    return found and (round(found.lat, 4), round(found.lon, 4))


LONDON = (51.5072, -0.1275)  # 51°30'26"N 0°7'39"W
LONDON_DMS = "51|30|26|N|0|7|39|W"

TITLE_FORMS = [
    # decimal
    ("{{coord|44.1124|-87.913|display=title}}", (44.1124, -87.913)),
    ("{{coord|44.1124|N|87.9130|W|display=title}}", (44.1124, -87.913)),
    ("{{coord|-33.8568|151.2153|display=inline,title}}", (-33.8568, 151.2153)),
    ("{{coord|33.8568|S|151.2153|E|display=title}}", (-33.8568, 151.2153)),
    ("{{coord|+12.5|+41.25|display=title}}", (12.5, 41.25)),
    ("{{coord|.5|-.25|display=title}}", (0.5, -0.25)),
    ("{{coord|0|0|display=title}}", (0.0, 0.0)),
    ("{{coord|90|0|display=title}}", (90.0, 0.0)),
    ("{{coord|90|S|0|E|display=title}}", (-90.0, 0.0)),
    ("{{coord|-17.5|180|display=title}}", (-17.5, 180.0)),
    ("{{coord|52|N|180|W|display=title}}", (52.0, -180.0)),
    ("{{coord|−22.9083|−43.1964|display=title}}", (-22.9083, -43.1964)),  # the typographic minus
    ("{{coord|&minus;22.9|43|display=title}}", (-22.9, 43.0)),
    # degrees and minutes, degrees only
    ("{{coord|40|43|N|74|0|W|display=title}}", (40.7167, -74.0)),
    ("{{coord|40|42.8|N|74|0.4|W|display=title}}", (40.7133, -74.0067)),
    ("{{coord|23|S|46|W|display=title}}", (-23.0, -46.0)),
    # degrees, minutes, seconds
    ("{{coord|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{coord|57|18|22.5|N|4|27|32.5|W|display=title}}", (57.3062, -4.459)),
    ("{{coord|01|09|05|S|036|49|00|E|display=title}}", (-1.1514, 36.8167)),
    ("{{coord|0|15|00|S|35|30|0|W|display=title}}", (-0.25, -35.5)),
    ("{{coord|48|51||N|2|21||E|display=title}}", (48.85, 2.35)),
    ("{{coord|48|||N|2|||E|display=title}}", (48.0, 2.0)),
    ("{{coord|51|30|26|n|0|7|39|w|display=title}}", LONDON),
    ("{{coord|0|7|39|W|51|30|26|N|display=title}}", LONDON),  # Module:Coordinates turns these round as well
    ("{{coord|51|30|26|N|0|7|W|display=title}}", (51.5072, -0.1167)),
    # what is asked of the template
    ("{{coord|" + LONDON_DMS + "|display=it}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|display=ti}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|display=t}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|display=title,inline}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|display=inline, title}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|display=Inline,Title}}", LONDON),
    ("{{coord|display=title|" + LONDON_DMS + "}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|region:GB_type:city(9000000)|display=title}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|type:city(8,982,000)_region:GB-LND_source:enwiki|format=dms|display=title}}", LONDON),
    ("{{coord|51.50722|-0.1275|dim:30km|display=title|name=London}}", LONDON),
    ("{{coord|51.50722|-0.1275||display=title}}", LONDON),
    ("{{coord|51.50722|-0.1275|scale:5000_globe:earth|display=title}}", LONDON),
    ("{{coord|51.50722|-0.1275|globe:Earth_type:landmark|display=title}}", LONDON),
    ("{{coord|51.50722|N|0.1275|W|source:GNIS|format=dec|display=title}}", LONDON),
    ("{{coord|1=51.50722|2=-0.1275|display=title}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|display=title|notes=<ref>{{cite web|url=http://a|title={{lang|fr|b}}}}</ref>}}", LONDON),
    ("{{coord|" + LONDON_DMS + "|name={{lang|en|London}}|display=title}}", LONDON),
    ("{{coord|51|30|26<!-- roughly -->|N|0|7|39|W|display=title}}", LONDON),
    ("{{coord|51.50722&nbsp;|&nbsp;-0.1275|display=title}}", LONDON),
    # how it is written
    ("{{Coord|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{COORD|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{ coord | 51 | 30 | 26 | N | 0 | 7 | 39 | W | display = title }}", LONDON),
    ("{{coord\n|51|30|26|N\n|0|7|39|W\n|display=title\n}}", LONDON),
    ("{{Template:Coord|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{coords|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{coor|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{co-ord|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{coordinates|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{Coordinate|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{coor title dms|" + LONDON_DMS + "}}", LONDON),
    ("{{coor_at_dm|40|43|N|74|0|W}}", (40.7167, -74.0)),
    ("{{coor title d|44.1124|N|87.9130|W|type:city}}", (44.1124, -87.913)),
    ("{{small|{{nowrap|{{coord|" + LONDON_DMS + "|display=title}}}}}}", LONDON),
    # where it stands
    ("Text.\n== History ==\nMore.\n{{Authority control}}\n{{coord|" + LONDON_DMS + "|display=title}}", LONDON),
    ("{{coord|1|2}} is another.\n== H ==\n{{coord|" + LONDON_DMS + "|display=title}}\n", LONDON),
    ("{{Infobox river|source1_coordinates={{coord|1|2}}|mouth_coordinates={{coord|" + LONDON_DMS + "|display=it}}}}", LONDON),
    ("{{coord|1|2|display=title}} {{coord|3|4|display=title}}", (1.0, 2.0)),
    ("{{coord|95|2|display=title}} {{coord|3|4|display=title}}", (3.0, 4.0)),
]

BERLIN = (52.52, 13.405)  # 52°31'12"N 13°24'18"E
BERLIN_NS_EW = "NS=52/31/12/N|EW=13/24/18/E|type=city|region=DE-BE"

# de.wikipedia's Vorlage:Coordinate (https://de.wikipedia.org/wiki/Vorlage:Coordinate)
GERMAN_FORMS = [
    ("{{Coordinate|" + BERLIN_NS_EW + "}}", BERLIN),  # neither article= nor text=: beside the title
    ("{{Coordinate|article=/|" + BERLIN_NS_EW + "}}", BERLIN),
    ("{{Coordinate|article=DMS|text=DMS|" + BERLIN_NS_EW + "}}", BERLIN),  # in both places
    ("{{Coordinate|map=|article=|text=|" + BERLIN_NS_EW + "|pop=|elevation=|dim=|name=}}", BERLIN),
    ("{{ Coordinate\n | article = DM\n | NS = 52/31/12/N\n | EW = 13/24/18/E\n | region = DE-BE\n}}", BERLIN),
    ("{{coordinate|" + BERLIN_NS_EW + "}}", BERLIN),
    ("{{Coordinate|NS=52.52|EW=13.405|type=city|pop=3700000|region=DE-BE}}", BERLIN),
    ("{{Coordinate|NS=52.52<!-- {{subst:CH1903-WGS84|777}} -->|EW=13.405|region=DE-BE}}", BERLIN),
    ("{{Coordinate|NS=52/31/12|EW=13/24/18|region=DE-BE}}", BERLIN),
    ("{{Coordinate|NS=52/31.2/N|EW=13/24.3/E|region=DE-BE}}", BERLIN),
    ("{{Coordinate|NS=52/31//N|EW=13/24//E|region=DE-BE}}", (52.5167, 13.4)),
    ("{{Coordinate|NS=52///N|EW=13///E|region=DE}}", (52.0, 13.0)),
    ("{{Coordinate|NS=52/n|EW=13/e|region=DE}}", (52.0, 13.0)),
    ("{{Coordinate|NS=33/51/24.5/S|EW=151/12/55/E|region=AU-NSW}}", (-33.8568, 151.2153)),
    ("{{Coordinate|NS=-33.8568|EW=-70.5|region=CL}}", (-33.8568, -70.5)),
    ("{{Coordinate|NS=-0/30/0|EW=-1/30/0|region=EC}}", (-0.5, -1.5)),
    ("{{Coordinate|NS=43/50/29/N|EW=73/23/17/W|type=landmark|region=US-NY}}", (43.8414, -73.3881)),
    ("{{Coordinate|globe=earth|" + BERLIN_NS_EW + "}}", BERLIN),
    ("Text.\n== Belege ==\n<references />\n{{Coordinate|article=/|" + BERLIN_NS_EW + "}}\n{{SORTIERUNG:X}}", BERLIN),
    ("{{Coordinate|text=DMS|NS=1|EW=2|name=A}} Text.\n== Lage ==\n{{Coordinate|" + BERLIN_NS_EW + "}}", BERLIN),
    ("{{Infobox Berg|NAME=X|KOORDINATEN={{Coordinate|text=DMS|" + BERLIN_NS_EW + "}}}}", BERLIN),
    ("{{Infobox Mühle\n|NAME = X\n|BREITENGRAD = 52.52\n|LÄNGENGRAD  =  13.405\n|REGION-ISO=DE-BE}}", BERLIN),
    ("{{Infobox Berg|BREITENGRAD=52/31/12/N|LÄNGENGRAD=13/24/18/E}}", BERLIN),
    ("{{Infobox Gemeinde in Deutschland|Breitengrad = 52/31/12|Längengrad = 13/24/18}}", BERLIN),
]  # fmt: skip

INFOBOX_FORMS = [
    ("|coordinates={{coord|" + LONDON_DMS + "}}", LONDON),
    ("|coordinates = {{coord|51.50722|-0.1275|display=inline}}", LONDON),
    ("| coords = {{Coord|" + LONDON_DMS + "|region:GB}}<ref>a</ref>", LONDON),
    ("|map_coordinates={{coord|" + LONDON_DMS + "}}", LONDON),
    ("|location=[[London]] {{coord|" + LONDON_DMS + "|display=inline}}", LONDON),
    ("|mouth_coordinates={{coord|1|2}}|coordinates={{coord|" + LONDON_DMS + "}}", LONDON),
    ("|coordinates={{unbulleted list|{{coord|" + LONDON_DMS + "}}|{{coord|1|2}}}}", LONDON),
    ("|coordinates=51°30′26″N 0°7′39″W", LONDON),
    ("|coordinates=51° 30' 26\" N, 0° 7' 39\" W", LONDON),
    ("|coordinates=51.50722, -0.1275", LONDON),
    ("|latd=51|latm=30|lats=26|latNS=N|longd=0|longm=7|longs=39|longEW=W", LONDON),
    ("|latd=40 |latm=43 |lats= |latNS=N |longd=74 |longm=0 |longs= |longEW=W", (40.7167, -74.0)),
    ("|latd=-33.8568|longd=151.2153", (-33.8568, 151.2153)),
    ("|latd=-0|latm=30|longd=-1|longm=30", (-0.5, -1.5)),
    ("|lat_d=51|lat_m=30|lat_s=26|lat_NS=N|long_d=0|long_m=7|long_s=39|long_EW=W", LONDON),
    ("|lat_deg=51|lat_min=30|lat_sec=26|lat_hem=N|lon_deg=0|lon_min=7|lon_sec=39|lon_hem=W", LONDON),
    ("|lat_degrees=51|lat_minutes=30|lat_direction=N|long_degrees=0|long_minutes=7|long_direction=W", (51.5, -0.1167)),
    ("|latdeg=33|latmin=30|latdir=S|londeg=70|lonmin=30|londir=W", (-33.5, -70.5)),
    ("|latitude=51.50722|longitude=-0.1275", LONDON),
    ("|latitude = 51°30′26″N |longitude = 0°7′39″W", LONDON),
    ("|lat=51.50722|lon=-0.1275", LONDON),
    ("|lat = 51.50722 | long = -0.1275", LONDON),
    ("|coordinates=|latd=23|latNS=S|longd=46|longEW=W", (-23.0, -46.0)),
    # spelled hemispheres, decimal commas, letters first, minus signs as entities
    ("|latitude=34.5° North|longitude=118.2° West", (34.5, -118.2)),
    ("|latitude=33.9 South|longitude=18.4 East", (-33.9, 18.4)),
    ("|coordinates=33.9° south, 70.2° west", (-33.9, -70.2)),
    ("|coordinates=48,20° N, 16,37° E", (48.2, 16.37)),
    ("|coordinates=48,20; -4,37", (48.2, -4.37)),
    ("|coordinates=48°12,5′N 16°22,3′E", (48.2083, 16.3717)),
    ("|coordinates=40° 25′ Norte, 3° 42′ Oeste", (40.4167, -3.7)),
    ("|coordinates=48° 12' Nord, 16° 22' Ost", (48.2, 16.3667)),
    ("|coordinates=59° 20’ N, 18° 4’ Ö", (59.3333, 18.0667)),
    ("|coordinates=N 48° 12' 30\" E 16° 22' 23\"", (48.2083, 16.3731)),
    ("|coordinates=48°12'30'' N 16°22'23'' E", (48.2083, 16.3731)),
    ("|coordinates=48 deg 12 min N, 16 deg 22 min E", (48.2, 16.3667)),
    ("|coordinates=Coordinates: 51.50722, -0.1275[1]", LONDON),
    ("|coordinates=&minus;33.9, 18.4", (-33.9, 18.4)),
    ("|coordinates=48&deg;30&prime;N 16&deg;0&prime;E", (48.5, 16.0)),
    # a hemisphere in a field of its own, under any name
    ("|latitude=34.5°|lat_NS=S|longitude=118.2°|long_EW=W", (-34.5, -118.2)),
    ("|latitude=43.3|N_or_S=S|longitude=11.2|E_or_W=W", (-43.3, -11.2)),
    ("|latitude=43.3|NS=S|longitude=11.2|EW=W", (-43.3, -11.2)),
    ("|lat=43.3|lat_ref=S|lon=11.2|lon_ref=West", (-43.3, -11.2)),
    ("|lat_deg=40|lat_min=42|lat_dir=Norte|lon_deg=74|lon_min=0|lon_dir=Ouest", (40.7, -74.0)),
    ("|latin_name=Sud|lat=43.3|lon=11.2", (43.3, 11.2)),
]  # fmt: skip

NO_PLACE = [
    "The [[Thames]] at {{coord|51|30|N|0|7|W}} is wide.",  # inline only: something the article mentions
    "{{coord|51|30|N|0|7|W|display=inline}}",
    "Text.\n== Battles ==\n{{Infobox battle|coordinates={{coord|1|2}}}}",  # a box further down is about a part of the subject
    "Die {{Coordinate|text=DMS|NS=52/31/12/N|EW=13/24/18/E|name=Mühle}} liegt hier.",
    "== Orte ==\n* A {{Coordinate|text=ICON0|NS=52.5|EW=13.4|name=A}}\n* B {{Coordinate|text=/|article=|NS=52.6|EW=13.4|name=B}}",
    "{{Coordinate|article=/|NS=|EW=|type=|region=}}",  # the copied form, not filled in
    "{{Infobox Berg|BREITENGRAD=|LÄNGENGRAD=}}",
    "Am 52. Breitengrad = kalt.",
    "{{coord|display=title}}",  # the place is on Wikidata only
    "{{coord}}",
    "{{coord||||N||||E|display=title}}",  # a form nobody filled in
    "{{WikidataCoord|display=title}}",
    "{{Infobox settlement|coordinates={{WikidataCoord|Q84|display=it}}}}",
    "{{coord missing|France}}",
    "{{Coord unknown|reason=legend}}",
    "{{Infobox settlement|name=X|coordinates=|latd=|longd=}}",
    "{{Infobox settlement|coordinates=<!-- {{coord|1|2|display=title}} -->}}",
    "<!-- {{coord|1|2|display=title}} -->",
    "<nowiki>{{coord|1|2|display=title}}</nowiki>",
    "A fact.<ref>{{coord|1|2|display=title}}</ref>",
    "{{Infobox person|resting_place_coordinates={{coord|1|2}}|birth_place=X}}",
    "{{Infobox language|lat=Latina}}",
    "{{Infobox company|name=X}} The latitude of coordinates.",
    "{{Location map|UK|lat=51|long=0}}",  # no infobox
    "",
]

REFUSED = [
    ("{{coord|91|2|display=title}}", "lat must lie in"),
    ("{{coord|2|181|display=title}}", "lon must lie in"),
    ("{{coord|120.5|14.6|display=title}}", "are lat and lon swapped"),
    ("{{coord|51|60|0|N|0|7|39|W|display=title}}", "minutes and seconds"),
    ("{{coord|51|30|75|N|0|7|39|W|display=title}}", "minutes and seconds"),
    ("{{coord|51|-30|N|0|7|W|display=title}}", "minutes and seconds"),
    ("{{coord|-51|S|7|W|display=title}}", "contradict"),
    ("{{coord|51|N|7|S|display=title}}", "expected one of N/S and one of E/W"),
    ("{{coord|51|N|display=title}}", "expected one of N/S"),
    ("{{coord|51|30|N|0|7|display=title}}", "expected one of N/S"),
    ("{{coord|51|30|0|7|display=title}}", "expected two decimal numbers"),
    ("{{coord|51.5|display=title}}", "expected two decimal numbers"),
    ("{{coord|51,5|7,2|display=title}}", "expected numbers"),
    ("{{coord|51.5N|0.12W|display=title}}", "expected numbers"),
    ("{{coord|1e1|5|display=title}}", "expected numbers"),
    ("{{coord|{{#expr:50+1}}|0|display=title}}", "expected numbers"),
    ("{{coord|50{{dubious}}|0|display=title}}", "expected numbers"),
    ("{{coord|1.2.3|0|display=title}}", "expected numbers"),
    ("{{coord|0.67|N|23.47|E|globe:moon_type:landmark|display=title}}", r"another globe \(moon\)"),
    ("{{coord|4.5|S|137.4|E|type:landmark_globe:Mars|display=inline,title}}", r"another globe \(mars\)"),
    ("{{coord|18.4|226|globe:venus|display=title}}", "another globe"),
    ("{{Infobox crater|coordinates={{coord|9.7|N|20.1|W|globe:moon}}}}", "another globe"),
    ("{{Infobox feature on celestial object|globe=Mars|latitude=4.5|longitude=137}}", "another globe"),
    ("{{Coordinate|globe=moon|NS=0.67|EW=23.47|type=landmark}}", r"another globe \(moon\)"),
    ("{{Coordinate|article=/|NS=4/30/0/S|EW=137/24/0/E|globe=Mars}}", r"another globe \(mars\)"),
    ("{{Coordinate|NS=91/0/0/N|EW=13/24/18/E}}", "lat must lie in"),
    ("{{Coordinate|NS=52.5|EW=180.5}}", "lon must lie in"),
    ("{{Coordinate|NS=52/60/0/N|EW=13/24/18/E}}", "minutes and seconds"),
    ("{{Coordinate|NS=52/31/75/N|EW=13/24/18/E}}", "minutes and seconds"),
    ("{{Coordinate|NS=-52/31/12/S|EW=13/24/18/E}}", "contradict"),
    ("{{Coordinate|NS=52/31/12/E|EW=13/24/18/N}}", "expected degrees/minutes/seconds/N or S"),
    ("{{Coordinate|NS=52/31/12/N|EW=13/24/18/O}}", "'O' is east in German and west in French"),
    ("{{Coordinate|NS=52/31/12/7/N|EW=13/24/18/E}}", "expected degrees/minutes/seconds"),
    ("{{Coordinate|NS=52,52|EW=13,405}}", "expected numbers"),
    ("{{Coordinate|NS=/31/12/N|EW=13/24/18/E}}", "expected numbers"),
    ("{{Coordinate|NS=52°31'N|EW=13°24'E}}", "expected numbers"),
    ("{{Coordinate|NS={{#expr:52}}|EW=13.4}}", "expected numbers"),
    ("{{Coordinate|NS=52/31/12/N}}", "expected a latitude and a longitude"),
    ("{{Coordinate|EW=13/24/18/E|region=DE}}", "expected a latitude and a longitude"),
    ("{{Infobox Berg|BREITENGRAD=52/31/12/N|LÄNGENGRAD=13/24/18/S}}", "expected degrees/minutes/seconds/E or W"),
    ("{{Infobox Berg|BREITENGRAD=52/31/12/N}}", "latitude only"),
    ("{{Infobox settlement|latitude=51.5}}", "latitude only"),
    ("{{Infobox settlement|longd=7|longm=3|longEW=E}}", "longitude only"),
    ("{{Infobox settlement|latd=51|latNS=E|longd=7}}", "expected N or S"),
    ("{{Infobox settlement|latd=95|longd=7}}", "lat must lie in"),
    ("{{Infobox settlement|latitude=about 51|longitude=7}}", "'about' is not part of one"),
    ("{{Infobox settlement|coordinates=see 3 maps}}", "malformed"),
    # what is left over may be what says south or west
    ("{{coord|44|87|O|display=title}}", "'O' is east in German"),
    ("{{coord|44|87|Westen!|display=title}}", "expected two decimal numbers"),
    ("{{coord|51|28|38|N|-0|7|5|E|display=title}}", "contradict"),
    ("{{coord|51.5|30|N|7|0|E|display=title}}", "only the last of degrees"),
    ("{{Infobox settlement|coordinates=40°25′N 3°42′O}}", "'O' is east in German"),
    ("{{Infobox settlement|coordinates=48.2 N, 16.37 V}}", "'V' is not part of one"),
    ("{{Infobox settlement|coordinates=48.2° N, 16.37° E (church)}}", r"'church' is not part of one"),
    ("{{Infobox settlement|coordinates=48°30″12′ N, 16° E}}", "expected degrees, minutes and seconds"),
    ("{{Infobox settlement|latitude=34.5° N|lat_NS=S|longitude=118.2°}}", "contradict each other"),
    ("{{Infobox settlement|latitude=34.5° 30′|latm=20|longitude=118.2°}}", "contradict each other"),
    ("{{Infobox lunar crater|latitude=43.3|N_or_S=S|longitude=11.2|E_or_W=W}}", r"another globe \(lunar\)"),
    ("{{Infobox lunar crater|coordinates={{coord|43.3|S|11.2|W}}}}", r"another globe \(lunar\)"),
]  # fmt: skip


@pytest.mark.parametrize(("wikitext", "expected"), [*TITLE_FORMS, *GERMAN_FORMS])
def test_a_coordinate_beside_the_title_is_read_in_every_form(wikitext: str, expected: tuple[float, float]) -> None:
    assert place(wikitext) == expected


@pytest.mark.parametrize(("fields", "expected"), INFOBOX_FORMS)
def test_an_infobox_says_where_its_subject_lies(fields: str, expected: tuple[float, float]) -> None:
    assert place("{{Short description|A town}}\n{{Infobox settlement\n|name=Somewhere\n" + fields + "\n}}\nText.") == expected


@pytest.mark.parametrize(
    "name", ["Infobox UK place", "infobox_river", "Geobox|River", "Philippine municipality infobox", "Ficha de localidad"]
)
def test_an_infobox_goes_by_many_names(name: str) -> None:
    assert place("{{" + name + "|coordinates={{coord|" + LONDON_DMS + "}}}}") == LONDON


@pytest.mark.parametrize("wikitext", NO_PLACE)
def test_an_article_that_does_not_say_where_it_lies_has_no_place(wikitext: str) -> None:
    assert place(wikitext) is None


@pytest.mark.parametrize(("wikitext", "why"), REFUSED)
def test_what_cannot_be_a_place_on_earth_is_refused_with_the_reason(wikitext: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        place(wikitext)


def test_the_title_comes_before_the_infobox() -> None:
    box = "{{Infobox settlement|coordinates={{coord|1|2}}|latd=3|longd=4}}"
    assert place(box + "\n== H ==\n{{coord|5|6|display=title}}") == (5.0, 6.0)
    assert place(box) == (1.0, 2.0)


def test_there_are_at_least_sixty_forms_in_the_tables() -> None:
    assert len({form for form, _ in [*TITLE_FORMS, *GERMAN_FORMS, *INFOBOX_FORMS, *REFUSED]}) >= 150


SECONDS = st.integers(0, 59_99)  # hundredths of a second


@given(
    st.integers(0, 89),
    st.integers(0, 59),
    SECONDS,
    st.sampled_from("NS"),
    st.integers(0, 179),
    st.integers(0, 59),
    SECONDS,
    st.sampled_from("EW"),
)
def test_degrees_minutes_seconds_written_and_read_are_the_same_place(
    lat_d: int, lat_m: int, lat_s: int, ns: str, lon_d: int, lon_m: int, lon_s: int, ew: str
) -> None:
    found = Wikitext(
        f"{{{{coord|{lat_d}|{lat_m}|{lat_s / 100}|{ns}|{lon_d}|{lon_m}|{lon_s / 100}|{ew}|display=title}}}}"
    ).coordinates()
    assert found is not None
    for value, degrees, minutes, hundredths, negative in (
        (found.lat, lat_d, lat_m, lat_s, ns == "S"), (found.lon, lon_d, lon_m, lon_s, ew == "W"),
    ):  # fmt: skip
        total = round(abs(value) * 360_000)  # back to hundredths of a second, in whole numbers
        assert (total // 360_000, total // 6000 % 60, total % 6000) == (degrees, minutes, hundredths)
        assert total == 0 or (value < 0) == negative


@given(st.floats(-90, 90).map(lambda value: round(value, 6)), st.floats(-180, 180).map(lambda value: round(value, 6)))
def test_decimal_degrees_and_dms_of_the_same_place_agree(lat: float, lon: float) -> None:
    def dms(value: float, letters: str) -> str:
        total = round(abs(value) * 3600, 6)
        return f"{int(total // 3600)}|{int(total // 60 % 60)}|{total % 60:.6f}|{letters[value < 0]}".replace(
            "60.000000", "59.999999"
        )

    decimal = Wikitext(f"{{{{coord|{lat:f}|{lon:f}|display=title}}}}").coordinates()
    sexagesimal = Wikitext(f"{{{{coord|{dms(lat, 'NS')}|{dms(lon, 'EW')}|display=title}}}}").coordinates()
    assert decimal
    assert sexagesimal
    assert (sexagesimal.lat, sexagesimal.lon) == pytest.approx((decimal.lat, decimal.lon), abs=1e-8)


SPELLED = {
    "N": ("N", "n", "north", "North", "Nord", "norte", "noord", "N."), "S": ("S", "South", "Süd", "sud", "sur", "sul", "zuid"),
    "E": ("E", "East", "Ost", "est", "este", "oost", "öst", "Ö"), "W": ("W", "West", "Ouest", "oeste", "ovest", "väst"),
}  # fmt: skip


@st.composite
def written(draw: st.DrawFn, limit: int, letters: str) -> tuple[str, float]:
    """One angle in any spelling, letter included, and its value in degrees."""
    letter = draw(st.sampled_from(letters))
    word = draw(st.sampled_from(SPELLED[letter]))
    point = draw(st.sampled_from(".,"))
    degree = draw(st.sampled_from("°º˚"))
    minute, second = draw(st.sampled_from([("′", "″"), ("'", '"'), ("’", "”"), ("´", "´´"), ("'", "''")]))
    whole, minutes, hundredths = draw(st.integers(0, limit - 1)), draw(st.integers(0, 59)), draw(st.integers(0, 5999))
    gap = draw(st.sampled_from(["", " ", "\u202f"]))
    if draw(st.booleans()):
        said, value = f"{whole}{point}{hundredths:04d}{degree}", whole + hundredths / 10_000
    else:
        seconds = f"{hundredths // 100}{point}{hundredths % 100:02d}"
        said = f"{whole}{degree}{gap}{minutes}{minute}{gap}{seconds}{second}"
        value = whole + minutes / 60 + hundredths / 360_000
    return (f"{word} {said}" if draw(st.booleans()) else f"{said} {word}"), -value if letter in "SW" else value


@given(written(90, "NS"), written(180, "EW"), st.sampled_from([" ", ", ", "; "]))
def test_a_coordinate_in_any_spelling_is_read_as_the_same_place_or_refused(
    lat: tuple[str, float], lon: tuple[str, float], between: str
) -> None:
    letters_first = [text[0].isalpha() for text, _ in (lat, lon)]
    try:
        found = place_from_text(lat[0] + between + lon[0])
    except InputError:
        assert letters_first[0] != letters_first[1], (
            "only a text with a letter before one number and after the other may be refused"
        )
        return
    assert found is not None
    assert (found.lat, found.lon) == pytest.approx((lat[1], lon[1]), abs=1e-9)


@given(written(90, "NS"), written(180, "EW"), st.text(min_size=1, max_size=3))
def test_a_coordinate_with_something_left_over_is_refused_or_the_same_place(
    lat: tuple[str, float], lon: tuple[str, float], more: str
) -> None:
    with contextlib.suppress(InputError):
        found = place_from_text(f"{lat[0]} {lon[0]} {more}")
        assert found is not None
        assert (found.lat, found.lon) == pytest.approx((lat[1], lon[1]), abs=1e-9)


@given(st.text(alphabet="0123456789.,-−°′'\" /;:NSEWnordOöx&", max_size=30))
def test_no_text_ends_the_reading_of_a_coordinate(text: str) -> None:
    for read in (place_from_text, place_at_end, angle_from_text):
        with contextlib.suppress(InputError):
            read(text)


# Plain text

ARTICLE = """{{Short description|Capital of Ghana}}
{{Infobox settlement|name=Accra|image=[[File:x.jpg]]|coordinates={{coord|5|33|N|0|12|W|display=it}}}}
[[File:Accra.jpg|thumb|alt=a|The [[Makola Market]] at {{convert|3|m}}]]
'''Accra''' ({{IPAc-en|ə|k|r|ə}}; {{langx|tw|Nkran}}; {{efn|x}}) is the ''capital'' of [[Ghana]],<ref name="a">{{cite|x}}</ref> on
the [[Gulf of Guinea|gulf]].<ref name="a" /> It lies {{convert|61|m|ft}} high&nbsp;&ndash; see
[https://accra.gov the site].<!-- hidden -->
{| class="wikitable"
! Year !! People
|-
| 1970 || {{formatnum:100}}
|}
== History ==
Old {{circa|1500}}.<gallery>a.jpg|b</gallery>
=== Fort ===
* Built <small>late</small>
== See also ==
* [[Kumasi]]
=== Lists ===
* [[Tema]]
== Economy ==
Trade.
== References ==
{{reflist}}
[[Category:Accra]]
"""


def test_the_lead_is_prose_without_markup() -> None:
    assert Wikitext(ARTICLE).plain_text() == (
        "Accra (Nkran) is the capital of Ghana, on\nthe gulf. It lies 61 m high – see\nthe site."
    )


def test_the_whole_text_has_all_sections_but_the_lists_at_the_end() -> None:
    text = Wikitext(ARTICLE).plain_text(full=True)
    assert text.splitlines()[3:] == ["History", "Old c. 1500.", "Fort", "Built late", "Economy", "Trade."]


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("[[Datei:a.jpg|mini|x]]Text", "Text"),
        ("[[Fichier:a.jpg|vignette|x [[b]] y]]Text", "Text"),
        ("[[Súbor:a.jpg|náhľad|x]]Text", "Text"),
        ("[[:Category:Towns]] here", "Category:Towns here"),
        ("[[Accra|]] [[Tema]]s", "Temas"),
        ("{{convert|10|to|20|km|mi}} away", "10 to 20 km away"),
        ("{{cvt|5|x|7|m}}", "5 x 7 m"),
        ("{{lang-de|Wien}}, {{lang|fr|Vienne}}", "Wien, Vienne"),
        ("(; {{x}}, ) is", "is"),
        ("Born ({{x}}; 1900, {{y}}) here", "Born (1900) here"),
        ("a<br />b<br>c", "a\nb\nc"),
        ("x<math>\\frac12</math>y H<sub>2</sub>O", "xy H2O"),
        ("'''''Both''''' of the '70s", "Both of the '70s"),
        ("__NOTOC__\n\n\nText\n\n\nMore", "Text\nMore"),
        ("{|\n| never closed\nText", "Text"),
        ("5 &lt; 6 &amp; 7 &#8212; x&thinsp;y", "5 < 6 & 7 — x y"),
        ("<blockquote>Said</blockquote> <span style=\"x\">so</span>", "Said so"),
        ("at http://example.org/ [http://a.b] now", "at now"),
        ("", ""),
        ("{{Infobox x|a=b}}", ""),
    ],
)  # fmt: skip
def test_markup_becomes_text(wikitext: str, expected: str) -> None:
    assert Wikitext(wikitext).plain_text(dropped=frozenset({"súbor"})) == expected


def test_a_heading_inside_a_template_does_not_end_the_lead() -> None:
    assert Wikitext("{{box|\n== Not a heading ==\n}}Lead.\n== Heading ==\nBody.").plain_text() == "Lead."


def test_notes_that_are_never_closed_cost_only_themselves() -> None:
    assert without_notes("a<ref>b</ref>c<ref name=x />d<!-- e -->f") == "acdf"
    assert without_notes("a<ref>b") == "ab"
    assert without_notes("a<!-- b") == "a"


@pytest.mark.parametrize(
    "wikitext",
    ["{{disambiguation}}", "{{Disambiguation|geo}}", "{{disambig}}", "{{Dab}}", "{{geodis}}", "{{hndis|Smith, John}}", "{{Hndis}}",
     "{{Place name disambiguation}}", "{{schooldis}}", "{{Airport disambiguation}}", "{{ disambig }}", "{{disambiguation cleanup}}",
     "{{Begriffsklärung}}", "{{Desambiguación}}", "{{disambigua}}", "__DISAMBIG__"],
)  # fmt: skip
def test_disambiguation_pages_are_known_by_their_templates(wikitext: str) -> None:
    assert Wikitext(f"'''Paris''' may refer to:\n* [[Paris, Texas]]\n{wikitext}\n").is_disambiguation


@pytest.mark.parametrize(
    "wikitext", ["{{Disambiguation needed|date=May 2020}}", "{{About|x}}", "[[Disambiguation]]", "{{dabney}}", "{{other uses}}"]
)
def test_a_hatnote_does_not_make_a_disambiguation_page(wikitext: str) -> None:
    assert not Wikitext(wikitext).is_disambiguation


@pytest.mark.parametrize(
    "opener", ["{{coord|1|2|display=title", "{{", "[[", "[http://a ", "<b>", "<ref>", "<!--", "{|\n|", "{{a|[[b|<i>{{{c|"]
)
def test_markup_that_is_never_closed_does_not_take_quadratic_time(opener: str) -> None:
    started = time.process_time()
    hostile = Wikitext("{{Infobox x|lat=1|lon=2}}" + opener * 50_000)
    with contextlib.suppress(InputError):  # "more than 100 are open at once", where there is something that could be closed
        hostile.coordinates()
        hostile.plain_text(full=True)
    assert time.process_time() - started < 5  # some of these would take the parser an hour
