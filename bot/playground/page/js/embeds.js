// Embeds.

import { el, externalLink } from "./dom.js";
import { markdown } from "./markdown.js";
import { picture } from "./media.js";
import { timestamp } from "./timestamps.js";

/** Create an embed's element. An embed of type "image" has no box. */
export function embed(message, each, number, about) {
  const read = (text) => (text ? markdown(text, about) : []);
  const shown = (media, kind) => media && picture(about.world, {
    ...media, id: `${message.id}-${number}-${kind}`, alt: media.description, name: "embedded picture",
  });
  if (each.type === "image") return el("div", { class: "pictures count-1" }, shown(each.thumbnail ?? each.image, "thumbnail"));
  const box = el("article", { class: "embed", "aria-label": "Embed" },
    el("div", { class: "embed-text" },
      each.author ? el("div", { class: "embed-author" }, each.author.url ? externalLink(each.author.url, each.author.name) : each.author.name) : null,
      each.title ? el("div", { class: "embed-title" }, each.url ? externalLink(each.url, ...read(each.title)) : read(each.title)) : null,
      each.description ? el("div", { class: "embed-description" }, read(each.description)) : null,
      each.fields?.length ? el("dl", { class: "embed-fields" }, each.fields.map((field) => oneField(field, read))) : null,
      shown(each.image, "image"),
      each.footer || each.timestamp ? el("div", { class: "embed-footer muted" }, each.footer?.text,
        each.footer && each.timestamp ? " · " : null, each.timestamp ? timestamp(new Date(each.timestamp)) : null) : null),
    each.thumbnail ? el("div", { class: "embed-thumbnail" }, shown(each.thumbnail, "thumbnail")) : null);
  if (Number.isInteger(each.color)) box.style.borderInlineStartColor = `#${each.color.toString(16).padStart(6, "0")}`;
  return box;
}

function oneField(field, read) {
  return el("div", { class: field.inline ? "inline" : null }, el("dt", {}, read(field.name)), el("dd", {}, read(field.value)));
}
