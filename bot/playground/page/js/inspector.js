// The inspector: the bot's gateway events and REST requests, and the worker's jobs.

import { button, el } from "./dom.js";
import { icon } from "./icons.js";

const MAX_ENTRIES = 300;
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

/** The inspector's pane. It is connected only while it is open. */
export class Inspector {
  constructor(place, fold) {
    this.place = place;
    this.fold = fold;
    this.list = el("ol", { class: "entries", tabindex: "0", "aria-label": "Traffic between the bot and Discord" });
    const kinds = [["gateway", "Events"], ["rest", "Requests"], ["job", "Jobs"]];
    place.append(
      el("header", { class: "pane-head" }, el("h2", {}, "Inspector"),
        button("Clear", { onclick: () => this.list.replaceChildren() }),
        button(icon("close"), { class: "icon", "aria-label": "Fold the inspector away", onclick: () => this.toggle(false) })),
      el("p", { class: "muted" }, "Between the bot and this Discord. Tokens are left out."),
      el("div", { class: "row", role: "group", "aria-label": "Show" },
        kinds.map(([kind, label]) => el("label", {}, el("input", { type: "checkbox", checked: true, onchange: (event) => this.list.classList.toggle(`without-${kind}`, !event.target.checked) }), ` ${label}`))),
      this.list);
    fold.addEventListener("click", () => this.toggle(place.hidden));
    if (localStorage.getItem("inspector") === "open") this.toggle(true, { focus: false });
  }

  toggle(open, { focus = true } = {}) {
    this.place.hidden = !open;
    this.fold.setAttribute("aria-expanded", String(open));
    localStorage.setItem("inspector", open ? "open" : "folded");
    if (open) this.#listen();
    else this.socket?.close();
    if (!open && focus) this.fold.focus();
  }

  #listen() {
    this.list.replaceChildren();
    const socket = new WebSocket(`ws://${location.host}/playground/inspector`);
    socket.addEventListener("message", (event) => this.#add(JSON.parse(event.data)));
    socket.addEventListener("close", () => !this.place.hidden && socket === this.socket && setTimeout(() => !this.place.hidden && this.#listen(), 2000));
    this.socket = socket;
  }

  #add(entry) {
    const following = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    this.list.append(renderEntry(entry));
    while (this.list.children.length > MAX_ENTRIES) this.list.firstChild.remove();
    if (following) this.list.scrollTop = this.list.scrollHeight;
  }
}

function renderEntry(entry) {
  const { at, kind, name, status, ms, to_bot: toBot, ...rest } = entry;
  const arrow = kind === "gateway" && toBot ? "to bot" : kind === "job" ? "job" : "from bot";
  const details = el("details", {},
    el("summary", {}, el("time", { class: "muted" }, TIME.format(new Date(at * 1000))), el("span", { class: "arrow" }, arrow), el("span", { class: "entry-name", title: name }, name.replace(/\d{13,}(?=\d{4})/g, "…")),
      status ? el("span", { class: status < 400 ? "status" : "status failed" }, status) : null,
      rest.times ? el("span", { class: "muted" }, stages(rest)) : null, ms === undefined ? null : el("span", { class: "muted" }, `${ms} ms`)));
  // The JSON is rendered when an entry is opened, since most never are.
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(el("pre", { tabindex: "0" }, JSON.stringify(rest, null, 2)));
  });
  return el("li", { class: `entry ${kind}` }, details);
}

/** Return the durations of a job's stages as text. */
function stages({ times, batch }) {
  const each = Object.entries(times).map(([stage, took]) => `${stage} ${took} ms`);
  return `${each.join(", ")}${batch > 1 ? `, batch of ${batch}` : ""}`;
}
