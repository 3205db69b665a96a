// Create elements. Strings become text nodes: nothing in this page parses HTML.

/**
* Create an element.
 * @param {string} tag
 * @param {Object} given Attributes and properties; `onclick` and the like are listeners; null and false are left out.
 * @param {...(Node|string|null|Array)} children
 * @returns {HTMLElement}
 */
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (typeof value === "object") Object.assign(made[name], value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Create a button of type "button". */
export function button(label, given, ...more) {
  return el("button", { type: "button", ...given }, label, ...more);
}

let last = 0;

/** Return a unique element id. */
export function uniqueId(word) {
  last += 1;
  return `${word}-${last}`;
}

/** Parse a URL. Returns null for schemes other than http and https. */
export function parseWebUrl(text) {
  try {
    const found = new URL(text);
    return ["http:", "https:"].includes(found.protocol) ? found : null;
  } catch {
    return null;
  }
}

/** Create a link to another site, or plain text where the URL is invalid. */
export function externalLink(address, ...children) {
  const found = parseWebUrl(address);
  if (found === null) return el("span", {}, ...children);
  return el("a", { href: found.href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Tell whether an element is visible, and so can have the focus. */
export function isVisible(element) {
  return element.checkVisibility({ visibilityProperty: true });
}

/** Wrap a textarea in an element that grows with its text, by style alone: also while it is hidden, or its width changes. */
export function growing(textarea) {
  textarea.addEventListener("input", () => grow(textarea));
  return el("div", { class: "grow" }, textarea);
}

/** Let a `growing` textarea grow after its value was set by script. */
export function grow(textarea) {
  textarea.parentElement.dataset.text = textarea.value;
}

const LINES = 5;

/** Announce a text to screen readers, as a new line of a live region, so that earlier ones are read to the end. */
export function announce(text) {
  const place = document.getElementById("announcer");
  place.append(el("p", {}, text));
  while (place.children.length > LINES) place.firstElementChild.remove();
}
