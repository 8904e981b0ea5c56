"""The two charts of the atlas. Vega comes with Streamlit: nothing is loaded from elsewhere."""

from collections.abc import Sequence
from typing import Any

from retrieval.atlas.clouds import Clouds
from retrieval.atlas.resolution import Resolution
from ui.page.atlas import captions
from ui.page.captions import MODALITY

TICKS_KM = [1, 10, 100, 500, 1000, 5000]
HEIGHT_PX = 430  # with the legend


def gap_chart(clouds: Sequence[Clouds]) -> Any:
    """A line for each pair of modalities, from the original vectors to the centred ones."""
    import altair as alt

    plain, centred = captions.GAP_STATES
    rows: list[dict[str, Any]] = []
    for each in clouds:
        pair = f"{MODALITY[each.one]} – {MODALITY[each.other]}"
        rows.append({"pair": pair, "state": plain, "distance": each.distance, "mixing": each.mixing})
        rows.append({"pair": pair, "state": centred, "distance": each.distance_centred, "mixing": each.mixing_centred})
    widest, most = max(row["distance"] for row in rows), max(1.0, *(row["mixing"] for row in rows))
    base = alt.Chart(alt.Data(values=rows), height=HEIGHT_PX).encode(
        x=alt.X("distance:Q", title=captions.GAP_DISTANCE, scale=alt.Scale(domain=[0, 1.1 * widest])),
        y=alt.Y("mixing:Q", title=captions.GAP_MIXING, scale=alt.Scale(domain=[0, most])),
        color=alt.Color("pair:N", title=None, legend=alt.Legend(orient="bottom", columns=1, labelLimit=0)),
        tooltip=["pair:N", "state:N", alt.Tooltip("distance:Q", format=".3f"), alt.Tooltip("mixing:Q", format=".3f")],
    )
    hollow = base.transform_filter(alt.datum.state == plain).mark_point(size=110, strokeWidth=2)
    filled = base.transform_filter(alt.datum.state == centred).mark_point(size=110, filled=True, opacity=1)
    return base.mark_line(strokeWidth=2) + hollow + filled


def resolution_chart(measured: Resolution) -> Any:
    """The mean cosine over the logarithm of the distance, for each band of latitudes."""
    import altair as alt

    rows: list[dict[str, Any]] = [
        {
            "latitudes": curve.label or captions.RESOLUTION_ALL,
            "km": float(km),
            "mean": float(mean),
            "low": float(low),
            "high": float(high),
        }
        for curve in measured.curves
        for km, mean, low, high in zip(measured.distances_km, curve.mean, curve.low, curve.high, strict=True)
    ]
    of_all = alt.datum.latitudes == captions.RESOLUTION_ALL
    reach = alt.Scale(type="log", domain=[measured.distances_km[0], measured.distances_km[-1]])
    heights = alt.Scale(domain=[min(row["low"] for row in rows), 1])
    base = alt.Chart(alt.Data(values=rows), height=HEIGHT_PX).encode(
        x=alt.X("km:Q", title=captions.RESOLUTION_X, scale=reach, axis=alt.Axis(values=TICKS_KM))
    )
    spread = base.transform_filter(of_all).mark_area(opacity=0.2, color="grey").encode(y="low:Q", y2="high:Q")
    order = [curve.label or captions.RESOLUTION_ALL for curve in measured.curves]
    lines = base.mark_line(strokeWidth=2).encode(
        y=alt.Y("mean:Q", title=captions.RESOLUTION_Y, scale=heights),
        color=alt.Color("latitudes:N", title=None, sort=order, legend=alt.Legend(orient="bottom", columns=3)),
        tooltip=["latitudes:N", alt.Tooltip("km:Q", format=",.0f"), alt.Tooltip("mean:Q", format=".3f")],
    )
    half = alt.Chart(alt.Data(values=[{"y": (1 + measured.floor) / 2}])).mark_rule(strokeDash=[5, 4], color="grey").encode(y="y:Q")
    return spread + lines + half
