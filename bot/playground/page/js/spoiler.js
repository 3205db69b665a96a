// Spoilers in text and on images.

import { el } from "./dom.js";

/** Create a spoiler around text. */
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
    // It stays focusable, so that Tab continues from here.
    outer.tabIndex = -1;
  }
  return outer;
}

/** Ids of revealed images, which stay revealed when an edit renders them again. */
const revealed = new Set();

/**
* Cover an image with a spoiler.
 * @param {HTMLElement} picture
 * @param {string} id The attachment's id.
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
