// Elements made from values. What is given as text becomes text: nothing in this page reads HTML.

/**
 * Make an element.
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

/** Make a button that submits nothing. */
export function button(label, given, ...more) {
  return el("button", { type: "button", ...given }, label, ...more);
}

let last = 0;

/** Return an id that no other element of the page has. */
export function uniqueId(word) {
  last += 1;
  return `${word}-${last}`;
}

/** Return an address if it is one that a person may follow: http or https, nothing else. */
export function parseWebUrl(text) {
  try {
    const found = new URL(text);
    return ["http:", "https:"].includes(found.protocol) ? found : null;
  } catch {
    return null;
  }
}

/** Make a link to elsewhere, or plain text where the address is none. */
export function externalLink(address, ...children) {
  const found = parseWebUrl(address);
  if (found === null) return el("span", {}, ...children);
  return el("a", { href: found.href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Tell whether an element can be seen, and so can have the focus. */
export function isVisible(element) {
  return element.checkVisibility({ visibilityProperty: true });
}

const LINES = 5;

/** Say something to screen readers that is seen elsewhere: a line below the last ones, so that none is cut off. */
export function announce(text) {
  const place = document.getElementById("announcer");
  place.append(el("p", {}, text));
  while (place.children.length > LINES) place.firstElementChild.remove();
}
