"""The world map as pages use it: folium's Leaflet map in a frame that is never mounted again.

``world_map`` -> streamlit-folium. The base map's script is the same in every run; what changes (heat, marks, areas) is a separate
feature group. The map returns a click or a drawing, never a movement: panning does not rerun the page.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Literal

import folium
import folium.plugins
import streamlit as st
from branca.element import MacroElement, Template
from streamlit_folium import st_folium

from index.records import Modality, Place
from ui.page.drawing import area_of
from ui.server.addresses import api
from ui.server.front import leaflet_addresses

MOST_MARKS = 200
Kind = Modality | Literal["asked"]
COLOURS: dict[Kind, str] = {"asked": "#ffd400", "locations": "#ffffff", "articles": "#4cc9f0", "tiles": "#7ae582"}
AREA_STYLE = {"color": "#ffd400", "weight": 2, "fillOpacity": 0.04, "dashArray": "6 4"}
BASEMAP = api("/basemap/blue-marble/{z}/{x}/{y}.jpg")
OUTLINE = api("/outline.geojson")
HEAT_OPACITY = 0.75
# The identity of a map is its script; streamlit-folium strips from it text that looks like a name of folium's, _[a-z0-9]+, so no
# address may contain such text.


@dataclass(frozen=True)
class Mark:
    """A point on the map: a hit, or a place asked for. ``label`` is plain text."""

    place: Place
    kind: Kind
    label: str


@dataclass(frozen=True)
class Touched:
    """What the user last did on a map: clicked a place, or drew an area (GeoJSON)."""

    place: Place | None = None
    area: dict[str, Any] | None = None


@dataclass(frozen=True)
class Background:
    """A base map: an address of tiles, their attribution, and their deepest zoom."""

    tiles: str = BASEMAP
    attribution: str = "NASA Blue Marble, Natural Earth"
    deepest: int = 5


def world_map(
    name: str,
    *,
    overlays: Sequence[str] = (),
    marks: Sequence[Mark] = (),
    areas: Sequence[dict[str, Any]] = (),
    background: Background | None = None,
    height_px: int = 520,
    draw: bool = True,
    follows: bool = False,
) -> Touched:
    """Show the map and return what was touched since the last run, if anything.

    ``overlays`` are addresses of tiles with {z}, {x}, {y}; ``areas`` are GeoJSON. Later ``marks`` lie over earlier ones; of more
    than ``MOST_MARKS`` the last are shown. Maps that ``follows`` is set for move together.
    """
    shown = folium.FeatureGroup()
    for address in overlays:
        folium.TileLayer(address, attr="PlaceBind", overlay=True, opacity=HEAT_OPACITY, max_native_zoom=8, max_zoom=14).add_to(
            shown
        )
    for area in areas:
        folium.GeoJson(area, style_function=lambda _: AREA_STYLE, interactive=False).add_to(shown)
    _Marks(marks[-MOST_MARKS:]).add_to(shown)
    with st.container(key=f"map-{name}"):
        returned = st_folium(
            _base(name, background or Background(), draw, follows),
            key=f"world-{name}",
            height=height_px,
            use_container_width=True,
            feature_group_to_add=shown,
            returned_objects=["last_clicked", "last_active_drawing"],
            wrap_longitude=True,
        )
    return _what_is_new(name, returned or {})


class _Marks(MacroElement):
    """All marks by one script: folium compiles two templates for each circle of its own, which for 30 hits takes longer than the
    search."""

    _template = Template(
        """{% macro script(this, kwargs) %}
for (const [lat, lon, radius, fillColor, label] of {{ this.marks }}) {
  const look = { radius, fillColor, color: "#10202c", weight: 1.5, fillOpacity: 0.95, bubblingMouseEvents: false };
  L.circleMarker([lat, lon], look).bindTooltip(label).addTo({{ this._parent.get_name() }});
}
{% endmacro %}"""
    )

    def __init__(self, marks: Sequence[Mark]) -> None:
        super().__init__()
        self._name = "Marks"
        self.marks = json.dumps(
            [
                (mark.place.lat, mark.place.lon, 8 if mark.kind == "asked" else 6, COLOURS[mark.kind], as_text(mark.label))
                for mark in marks
            ]
        )


def as_text(label: str) -> str:
    """Text that can be put into a script as HTML so that none of it runs."""
    return escape(label).translate({ord(each): f"&#{ord(each)};" for each in "`$\\{}"}).replace("\n", " ").replace("\r", " ")


def _base(name: str, background: Background, draw: bool, follows: bool) -> folium.Map:
    _use_our_libraries()
    base = folium.Map(
        location=(20, 0), zoom_start=2, min_zoom=1, max_zoom=14, tiles=None, world_copy_jump=True, control_scale=True,
        prefer_canvas=False, zoom_snap=1,
    )  # fmt: skip
    folium.TileLayer(background.tiles, attr=escape(background.attribution), max_native_zoom=background.deepest, max_zoom=14).add_to(
        base
    )
    if draw:
        off = dict.fromkeys(("polyline", "circle", "marker", "circlemarker"), False)
        folium.plugins.Draw(draw_options=off, edit_options={"edit": False, "remove": False}, show_geometry_on_click=False).add_to(
            base
        )
    # Borders are drawn over the local map; other providers draw their own.
    outline = OUTLINE if background.tiles == BASEMAP else ""
    _Wiring({"name": name, "follows": follows, "keepsView": name == "main", "outline": outline}).add_to(base)
    return base


class _Wiring(MacroElement):
    """``assets/map.js``, called with the map it is added to."""

    _template = Template(
        "{% macro script(this, kwargs) %}\n{{ this.script }}({{ this._parent.get_name() }}, {{ this.options }});\n{% endmacro %}"
    )

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self._name = "Wiring"
        self.script, self.options = front_file("map.js"), json.dumps(options)


@cache
def front_file(name: str) -> str:
    """One of our own scripts or style sheets."""
    return (Path(__file__).parent / "assets" / name).read_text(encoding="utf-8")


@cache
def _use_our_libraries() -> None:
    """folium names its libraries on CDNs, and more than the map needs; offline it would be a blank page without an error."""
    addresses = leaflet_addresses()
    folium.Map.default_js = [("leaflet", addresses.js)]
    folium.Map.default_css = [("leaflet_css", addresses.css)]
    folium.plugins.Draw.default_js = [("leaflet_draw_js", addresses.draw_js)]
    folium.plugins.Draw.default_css = [("leaflet_draw_css", addresses.draw_css)]


def _what_is_new(name: str, returned: dict[str, Any]) -> Touched:
    """streamlit-folium repeats the last click and drawing in every run. ``assets/map.js`` makes each distinct, so that it counts
    once."""
    seen = st.session_state.setdefault(f"seen-{name}", {})
    fresh = {key: value for key, value in returned.items() if value and value != seen.get(key)}
    seen.update(fresh)
    clicked, drawn = fresh.get("last_clicked"), fresh.get("last_active_drawing")
    if drawn and drawn.get("geometry", {}).get("type") == "Polygon":
        return Touched(area=area_of(drawn["geometry"]))
    if clicked:
        return Touched(place=Place(lat=max(-90.0, min(90.0, clicked["lat"])), lon=(clicked["lng"] + 180) % 360 - 180))
    return Touched()
