// The sheet of items: a canvas of points. Titles are put in as text only. Told to the page's window as the event "placebind" (see
// map.js): "hover" and "fly"; heard there: "clicked" on the map, which rings the items nearest to that place.
// `data`: {kinds: [{label, colour}], items: rows of [x, y in -1..1, kind, lat, lon, title], words}.
const RINGED = 25;
const REACH_PX = 12; // how near the pointer must be to an item
const RADIUS_PX = 2.6;
const MANY = 5000; // items: drawn smaller, else they hide each other
const MOST_ZOOM = 60;
const RADIANS = Math.PI / 180;
const tell = (detail) => window.dispatchEvent(new CustomEvent("placebind", { detail }));

function element(tag, text) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Grows with the distance on the sphere: the squared chord.
function apart(lat, lon, item) {
  const dLat = Math.sin(((item.lat - lat) * RADIANS) / 2);
  const dLon = Math.sin(((item.lon - lon) * RADIANS) / 2);
  return dLat * dLat + Math.cos(lat * RADIANS) * Math.cos(item.lat * RADIANS) * dLon * dLon;
}

const position = ({ lat, lon }) =>
  `${Math.abs(lat).toFixed(2)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(2)}° ${lon < 0 ? "W" : "E"}`;

class Sheet {
  constructor(canvas, told, data) {
    Object.assign(this, { canvas, told, data, zoom: 1, centre: [0, 0], chosen: null, ringed: new Set(), hidden: new Set() });
    this.items = data.items.map(([x, y, kind, lat, lon, title]) => ({ x, y, kind, lat, lon, title }));
  }

  get shown() {
    return this.items.filter((item) => !this.hidden.has(item.kind));
  }

  // Where an item is drawn, in CSS pixels.
  at({ x, y }) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const scale = (Math.min(width, height) / 2 - 12) * this.zoom;
    return [width / 2 + (x - this.centre[0]) * scale, height / 2 - (y - this.centre[1]) * scale, scale];
  }

  draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const ring = (item, radius, colour) => {
      const [x, y] = this.at(item);
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.strokeStyle = colour;
      pen.lineWidth = 2;
      pen.stroke();
    };
    const radius = this.items.length > MANY ? RADIUS_PX / 2 : RADIUS_PX;
    for (const item of this.shown) {
      const [x, y] = this.at(item);
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.globalAlpha = 0.75;
      pen.fillStyle = this.data.kinds[item.kind].colour;
      pen.fill();
    }
    pen.globalAlpha = 1;
    for (const item of this.ringed) ring(item, 6, "#ffd400");
    if (this.chosen) ring(this.chosen, 8, "#ffffff");
    canvas.dataset.ringed = this.ringed.size;
    canvas.dataset.items = this.shown.length;
  }

  nearest(x, y) {
    let best = null;
    let least = REACH_PX ** 2;
    for (const item of this.shown) {
      const [atX, atY] = this.at(item);
      const distance = (atX - x) ** 2 + (atY - y) ** 2;
      if (distance < least) [best, least] = [item, distance];
    }
    return best;
  }

  choose(item) {
    if (item === this.chosen) return;
    this.chosen = item;
    const kind = item && this.data.kinds[item.kind].label;
    this.told.textContent = item ? `${kind}: ${item.title || this.data.words.untitled} · ${position(item)}` : "";
    tell(item ? { kind: "hover", lat: item.lat, lon: item.lon } : { kind: "hover" });
    this.draw();
  }

  fly() {
    if (this.chosen) tell({ kind: "fly", lat: this.chosen.lat, lon: this.chosen.lon });
  }

  ringNear(lat, lon) {
    const sorted = this.shown.map((item) => [apart(lat, lon, item), item]).sort((one, other) => one[0] - other[0]);
    this.ringed = new Set(sorted.slice(0, RINGED).map(([, item]) => item));
    this.draw();
  }

  // The next item from the chosen one to a side, by arrow key: the nearest within 45 degrees of it.
  step(right, up) {
    const from = this.chosen ?? { x: this.centre[0], y: this.centre[1] };
    let best = null;
    let least = Infinity;
    for (const item of this.shown) {
      const along = (item.x - from.x) * right + (item.y - from.y) * up;
      const aside = Math.abs((item.x - from.x) * up) + Math.abs((item.y - from.y) * right);
      if (item !== from && along > 0 && aside <= along && along < least) [best, least] = [item, along];
    }
    if (!best) return;
    const [x, y] = this.at(best);
    if (x < 0 || y < 0 || x > this.canvas.clientWidth || y > this.canvas.clientHeight) this.centre = [best.x, best.y];
    this.choose(best);
  }

  // Zoom so that what lies under the pixel stays there.
  zoomBy(factor, x, y) {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor));
    const [, , scale] = this.at({ x: 0, y: 0 });
    const moved = 1 / scale - this.zoom / (scale * zoom);
    this.centre[0] += (x - this.canvas.clientWidth / 2) * moved;
    this.centre[1] -= (y - this.canvas.clientHeight / 2) * moved;
    this.zoom = zoom;
    if (zoom === 1) this.centre = [0, 0];
    this.draw();
  }

  pan(right, down) {
    const [, , scale] = this.at({ x: 0, y: 0 });
    this.centre = [this.centre[0] - right / scale, this.centre[1] + down / scale];
    this.draw();
  }
}

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function wire(sheet) {
  const { canvas } = sheet;
  let dragged = null; // how far, in pixels, since the button went down
  canvas.addEventListener("pointerdown", (event) => {
    dragged = 0;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (dragged === null) return sheet.choose(sheet.nearest(event.offsetX, event.offsetY));
    dragged += Math.abs(event.movementX) + Math.abs(event.movementY);
    sheet.pan(event.movementX, event.movementY);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (dragged !== null && dragged < 4) {
      sheet.choose(sheet.nearest(event.offsetX, event.offsetY));
      sheet.fly();
    }
    dragged = null;
  });
  canvas.addEventListener("pointercancel", () => (dragged = null));
  canvas.addEventListener("pointerleave", () => sheet.choose(null));
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      sheet.zoomBy(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
    if (KEYS[event.key]) sheet.step(...KEYS[event.key]);
    else if (event.key === "Enter") sheet.fly();
    else if (event.key === "+") sheet.zoomBy(1.5, ...middle);
    else if (event.key === "-") sheet.zoomBy(1 / 1.5, ...middle);
    else return;
    event.preventDefault();
  });
}

// One checkbox for each kind: its colour, its name, how many there are.
function legend(sheet) {
  const line = element("div");
  line.className = "kinds";
  sheet.data.kinds.forEach((kind, number) => {
    const count = sheet.items.filter((item) => item.kind === number).length;
    if (!count) return;
    const label = element("label");
    const box = element("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => {
      sheet.hidden[box.checked ? "delete" : "add"](number);
      sheet.choose(null);
      sheet.draw();
    });
    const dot = element("i");
    dot.style.background = kind.colour;
    label.append(box, dot, element("span", `${kind.label} (${count.toLocaleString()})`));
    line.append(label);
  });
  return line;
}

function build(root, data) {
  const canvas = element("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", data.words.label);
  const told = element("div");
  told.className = "told";
  told.setAttribute("aria-live", "polite");
  const sheet = new Sheet(canvas, told, data);
  root.replaceChildren(legend(sheet), canvas, told);
  wire(sheet);
  return sheet;
}

// Called in every rerun of the page: zoom and rings stay unless the data are others.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".sheet");
  root.stop?.();
  if (root.sheet?.data.version !== data.version) root.sheet = build(root, data);
  const { sheet } = root;
  const hear = ({ detail }) => detail.kind === "clicked" && sheet.ringNear(detail.lat, detail.lon);
  window.addEventListener("placebind", hear);
  const watcher = new ResizeObserver(() => sheet.draw()); // begins by telling the size there is
  watcher.observe(sheet.canvas);
  root.stop = () => {
    window.removeEventListener("placebind", hear);
    watcher.disconnect();
  };
  return root.stop;
}
