// What is hidden until somebody asks to see it.

import { el } from "./dom.js";

/** Hide text behind a spoiler. */
export function spoiler(children) {
  const inner = el("span", { class: "spoiler-inner" }, children);
  const outer = el("span", {
    class: "spoiler",
    role: "button",
    tabindex: "0",
    "aria-label": "Spoiler, hidden: press to show",
    onclick: reveal,
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") reveal(event);
    },
  }, inner);
  function reveal(event) {
    if (outer.classList.contains("shown")) return;
    event.preventDefault();
    event.stopPropagation();
    outer.classList.add("shown");
    for (const name of ["role", "aria-label"]) outer.removeAttribute(name);
    // It keeps the focus, so that the Tab key goes on from here.
    outer.tabIndex = -1;
  }
  return outer;
}

/** Which pictures were revealed, so that an edit doesn't hide them again. */
const revealed = new Set();

/**
 * Hide a picture behind a spoiler.
 * @param {HTMLElement} picture
 * @param {string} id What it is remembered by.
 */
export function spoilerImage(picture, id) {
  if (revealed.has(id)) return picture;
  const cover = el("button", { type: "button", class: "spoiler-cover", "aria-label": "Spoiler: show the picture" }, "Spoiler");
  const outer = el("div", { class: "spoiler-picture" }, picture, cover);
  picture.inert = true;
  picture.setAttribute("aria-hidden", "true");
  cover.addEventListener("click", () => {
    const focused = document.activeElement === cover;
    revealed.add(id);
    picture.inert = false;
    picture.removeAttribute("aria-hidden");
    cover.remove();
    outer.classList.add("shown");
    if (focused) focusInside(outer);
  });
  return outer;
}

function focusInside(outer) {
  const first = outer.querySelector("button, a[href], [tabindex]");
  if (!first) outer.tabIndex = -1;
  (first ?? outer).focus();
}
