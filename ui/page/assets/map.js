// Runs once in the map's frame, with `map` (Leaflet) and `options` given by ui/page/map.py: {name, follows, keepsView}.
// The page talks to its maps, and maps to the page and to each other, by the event "placebind" of the page's window;
// detail: {kind: "hover", lat, lon} marks a place (without lat: no more), {kind: "fly", lat, lon} goes there,
// {kind: "view", from, lat, lon, zoom} was moved, {kind: "clicked", lat, lon} was clicked.
(function (map, options) {
  const page = window.parent;
  const tell = (detail) => page.dispatchEvent(new page.CustomEvent("placebind", { detail }));
  const marker = L.circleMarker([0, 0], { radius: 13, color: "#ffd400", weight: 4, fill: false, interactive: false });
  let moving = false; // while a map is moved by us, it tells nobody: else two maps would chase each other

  // The copy of the world that is nearest to what the user sees.
  const near = (lat, lon) => [lat, lon + 360 * Math.round((map.getCenter().lng - lon) / 360)];

  const handlers = {
    hover({ lat, lon }) {
      if (lat === undefined) return void marker.remove();
      marker.setLatLng(near(lat, lon)).addTo(map).bringToFront();
    },
    fly({ lat, lon }) {
      handlers.hover({ lat, lon });
      const still = page.matchMedia("(prefers-reduced-motion: reduce)").matches;
      map[still ? "setView" : "flyTo"](near(lat, lon), Math.max(map.getZoom(), 6), { duration: 0.8 });
    },
    view({ from, lat, lon, zoom }) {
      if (from === options.name || !options.follows) return;
      moving = true;
      map.setView([lat, lon], zoom, { animate: false });
      moving = false;
    },
  };
  const hear = (event) => handlers[event.detail.kind]?.(event.detail);
  page.addEventListener("placebind", hear);
  window.addEventListener("pagehide", () => page.removeEventListener("placebind", hear));

  // The view stands in the address' fragment, which Streamlit drops when it writes a question there; new layers follow upon that.
  const path = page.location.pathname;
  let hash = "";
  const keepView = () => {
    if (hash && page.location.pathname === path && page.location.hash !== hash) page.history.replaceState(page.history.state, "", hash);
  };
  map.on("moveend", () => {
    const centre = map.getCenter();
    const zoom = map.getZoom();
    const place = map.wrapLatLng(centre);
    hash = `#map=${zoom}/${place.lat.toFixed(4)}/${place.lng.toFixed(4)}`;
    if (options.keepsView) keepView();
    if (!moving) tell({ kind: "view", from: options.name, lat: centre.lat, lon: centre.lng, zoom });
  });
  if (options.keepsView) {
    map.on("layeradd", keepView);
    page.navigation?.addEventListener("currententrychange", keepView);
    // Streamlit runs its script when the user goes back or forward, but the session would ask the newer question again.
    const reload = () => page.location.pathname === path && page.location.reload();
    page.addEventListener("popstate", reload);
    window.addEventListener("pagehide", () => {
      page.navigation?.removeEventListener("currententrychange", keepView);
      page.removeEventListener("popstate", reload);
    });
  }
  map.on("click", (event) => {
    event.latlng.alt = Date.now(); // streamlit-folium reports what differs from before: the same point may be clicked again
    const place = event.latlng.wrap();
    tell({ kind: "clicked", lat: place.lat, lon: place.lng });
  });
  // A drawn shape becomes a filter, which Python draws; the drawing itself goes once it has been reported.
  map.on("draw:created", ({ layer }) => {
    layer.feature = { type: "Feature", properties: { drawn: Date.now() } }; // as with clicks
    setTimeout(() => window.drawnItems?.clearLayers?.(), 600);
  });

  new ResizeObserver(() => map.invalidateSize()).observe(map.getContainer());
  map.getContainer().style.fontSize = "0.75rem";

  const view = /^#map=(\d{1,2})\/(-?[\d.]+)\/(-?[\d.]+)$/.exec(page.location.hash);
  if (options.keepsView && view) map.setView([Number(view[2]), Number(view[3])], Number(view[1]));

  if (options.outline) {
    fetch(options.outline)
      .then((answer) => (answer.ok ? answer.json() : null))
      .then((shapes) => {
        if (!shapes) return;
        map.createPane("outline").style.zIndex = 350;
        map.getPane("outline").style.pointerEvents = "none";
        for (const shift of [-360, 0, 360]) {
          L.geoJSON(shapes, {
            pane: "outline",
            interactive: false,
            style: { color: "#ffffff", weight: 0.7, opacity: 0.65, fill: false },
            coordsToLatLng: ([lon, lat]) => L.latLng(lat, lon + shift),
          }).addTo(map);
        }
      });
  }
})
