// Hits in columns. Text of records is put in as text nodes only. Told to the page's window as the event "placebind" (see map.js);
// told to Python: the trigger "refine" {modality, id, more}.
const tell = (detail) => window.dispatchEvent(new CustomEvent("placebind", { detail }));

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(label, help, act) {
  const made = element("button", "sign", label);
  made.type = "button";
  made.title = help;
  made.setAttribute("aria-label", help);
  made.addEventListener("click", (event) => {
    event.stopPropagation();
    act();
  });
  return made;
}

function card(hit, words, refine) {
  const item = element("li", "hit");
  item.tabIndex = 0;
  item.dataset.id = hit.id;
  item.setAttribute("aria-label", `${hit.rank}. ${hit.title}, ${words.score} ${hit.score}`);
  if (hit.thumbnail) {
    const picture = element("img");
    picture.src = hit.thumbnail;
    picture.alt = "";
    picture.loading = "lazy";
    picture.width = picture.height = 72;
    item.append(picture);
  }
  const body = element("div", "body");
  const head = element("div", "head");
  head.append(element("span", "rank", `${hit.rank}`), element("strong", "", hit.title));
  body.append(head);
  if (hit.own.length) body.append(element("p", "own", hit.own.join(" · ")));
  if (hit.snippet) body.append(element("p", "snippet", hit.snippet));
  const facts = element("div", "facts");
  facts.append(element("span", "score", hit.score));
  facts.lastChild.title = words.scoreHelp;
  facts.append(element("span", "", hit.beats));
  facts.lastChild.title = words.beatsHelp;
  if (hit.distance) {
    facts.append(element("span", "", hit.distance));
    facts.lastChild.title = words.distanceHelp;
  }
  facts.append(element("span", "", hit.position));
  if (/^https?:\/\//.test(hit.link)) {
    const link = element("a", "", words.link);
    link.href = hit.link;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.addEventListener("click", (event) => event.stopPropagation());
    facts.append(link);
  }
  body.append(facts);
  if (hit.why.length) {
    const why = element("p", "why", hit.why.join(" · "));
    why.title = words.whyHelp;
    body.append(why);
  }
  item.append(body);
  const signs = element("div", "signs");
  signs.append(
    button("+", `${words.more}: ${hit.title}`, () => refine(hit, true)),
    button("−", `${words.less}: ${hit.title}`, () => refine(hit, false)),
  );
  item.append(signs);
  const place = { lat: hit.lat, lon: hit.lon };
  const mark = () => tell({ kind: "hover", ...place });
  const fly = () => tell({ kind: "fly", ...place });
  item.addEventListener("mouseenter", mark);
  item.addEventListener("focus", mark);
  item.addEventListener("mouseleave", () => tell({ kind: "hover" }));
  item.addEventListener("click", fly);
  item.addEventListener("keydown", (event) => {
    if (event.target === item && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      fly();
    }
  });
  return item;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const refine = (hit, more) => setTriggerValue("refine", { modality: hit.modality, id: hit.id, more });
  const columns = element("div", "columns");
  for (const column of data.columns) {
    const section = element("section", "column");
    section.dataset.modality = column.modality;
    const heading = element("h3", "", column.heading);
    const dot = element("span", "dot"); // the colour that these hits have on the map
    dot.style.background = column.colour;
    heading.prepend(dot);
    section.append(heading);
    if (!column.hits.length) section.append(element("p", "empty", column.empty));
    const list = element("ol");
    list.append(...column.hits.map((hit) => card(hit, data.words, refine)));
    section.append(list);
    columns.append(section);
  }
  const root = parentElement.querySelector(".hits");
  root.replaceChildren(columns);
}
