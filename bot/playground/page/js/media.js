// Attachments in messages: images with alt text, reserved size, spoilers and a large view; other files.

import { button, el, externalLink } from "./dom.js";
import { icon } from "./icons.js";
import { spoilerImage } from "./spoiler.js";

export const SPOILER = 1 << 3;
const MAX_WIDTH = 420, MAX_HEIGHT = 320;

/** Image URLs by attachment id. An edit brings a new signed URL; the old one avoids another download. */
const shown = new Map();
const URL_LIFETIME_MS = 20 * 3600 * 1000;

/** Return the URL that was used for an image before, or the given one. */
function stableUrl(id, address) {
  const before = shown.get(id);
  if (before && Date.now() - before.since < URL_LIFETIME_MS) return before.address;
  shown.set(id, { address, since: Date.now() });
  return address;
}

/** Create the elements of a message's attachments. */
export function attachments(world, found) {
  const pictures = found.filter((each) => isPicture(world, each));
  const files = found.filter((each) => !isPicture(world, each));
  return [
    pictures.length ? el("div", { class: `pictures count-${Math.min(pictures.length, 4)}` },
      pictures.map((each, number) => attached(world, each, number))) : null,
    ...files.map((each) => fileCard(world, each.filename, each.size, each.url, each.description)),
  ];
}

/** Tell whether an attachment is shown as a picture: one with a size, on this server. */
export function isPicture(world, attachment) {
  return Boolean(attachment.width && world.ownAddress(attachment.url));
}

function attached(world, each, number) {
  const alone = picture(world, { ...each, id: each.id, alt: each.description, name: each.filename, number });
  return each.flags & SPOILER ? spoilerImage(alone, each.id) : alone;
}

/**
* Create an image that opens in a dialog.
 * @param {Object} world
 * @param {{id, url, width, height, alt, name}} about
 */
export function picture(world, { id, url, width, height, alt, name = "picture" }) {
  const own = world.ownAddress(url);
  if (own === null) return el("p", { class: "elsewhere" }, "A picture elsewhere, not loaded: ", externalLink(url, url));
  const address = stableUrl(id, own);
  const text = alt || `Picture without alt text: ${name}`;
  const scale = Math.min(1, MAX_WIDTH / (width || MAX_WIDTH), MAX_HEIGHT / (height || MAX_HEIGHT));
  const size = width && height ? { width: Math.round(width * scale), height: Math.round(height * scale) } : {};
  const image = el("img", { src: address, alt: text, decoding: "async", ...size });
  image.addEventListener("error", () => image.replaceWith(el("span", { class: "unseeable" }, `${name}: no browser picture`)), { once: true });
  return el("figure", { class: "picture" },
    button(image, { class: "open-picture", onclick: () => enlarge(address, text, alt) }),
    alt ? el("span", { class: "alt-badge", "aria-hidden": "true", title: alt }, "ALT") : null);
}

function enlarge(address, text, alt) {
  const dialog = el("dialog", { class: "enlarged", "aria-label": "Picture", onclose: () => dialog.remove() },
    el("img", { src: address, alt: text }),
    alt ? el("p", {}, alt) : null,
    el("form", { method: "dialog" }, el("button", {}, "Close")));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

/** Create the card of a file that is no image. */
export function fileCard(world, name, size, url, description = null) {
  const own = world.ownAddress(url);
  const title = own ? el("a", { href: own, download: name }, name) : el("span", {}, name);
  return el("div", { class: "file" }, el("span", { class: "file-icon" }, icon("file")),
    el("div", {}, title, el("div", { class: "muted" }, bytes(size), description ? ` · ${description}` : null)));
}

/** Format a size in bytes. */
export function bytes(count) {
  if (!Number.isFinite(count)) return "";
  if (count < 1024) return `${count} bytes`;
  return count < 1024 ** 2 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1024 ** 2).toFixed(1)} MiB`;
}
