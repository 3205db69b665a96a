// The text of a message for screen readers.

import { plainText } from "./markdown.js";
import { isPicture, SPOILER } from "./media.js";
import { NEWS } from "./message.js";

const TEXT = 10, MEDIUM = 11, GALLERY = 12, FILE = 13;
/** Bars and frames that are drawn with characters, which would be read one by one. */
const DRAWN = /[\u2500-\u259f]+/g;

/** Return what a message shows, in one line: its texts, its pictures by their alt text, its other files by their names. */
export function speechText(message, world) {
  const news = NEWS[message.type];
  if (news) return `${news}${message.content}`;
  const parts = [
    ...said(message, world),
    ...(message.message_snapshots ?? []).flatMap((each) => ["Forwarded", ...said(each.message, world)]),
    ...(message.sticker_items ?? []).map((each) => `sticker ${each.name}`),
  ];
  return sentences(parts.map((each) => each.replace(DRAWN, " ").replace(/\s+/g, " ").trim()).filter(Boolean)) || "a message";
}

function sentences(parts) {
  return parts.map((each, number) => (number < parts.length - 1 && !/[.:!?…]$/.test(each) ? `${each}.` : each)).join(" ");
}

function said(message, world) {
  const embeds = message.embeds ?? [];
  return [
    ...[message.content, ...embeds.flatMap(inEmbed)].filter(Boolean).map((each) => plainText(each, world)),
    ...(message.attachments ?? []).map((each) => attached(each, world)),
    ...embeds.flatMap((each) => [each.image, each.thumbnail]).filter(Boolean).map((each) => picture(each.description)),
    ...[...components(message.components)].flatMap((each) => component(each, world)),
  ];
}

function inEmbed(embed) {
  return [embed.title, embed.description, ...(embed.fields ?? []).flatMap((each) => [each.name, each.value])];
}

function attached(each, world) {
  if (!isPicture(world, each)) return `file ${each.filename}`;
  return picture(each.description, each.flags & SPOILER);
}

function picture(alt, hidden = false) {
  if (hidden) return "image (spoiler)";
  return alt ? `image: ${alt}` : "image without alt text";
}

function component(each, world) {
  if (each.type === TEXT) return [plainText(each.content, world)];
  if (each.type === MEDIUM) return [picture(each.description, each.spoiler)];
  if (each.type === GALLERY) return each.items.map((item) => picture(item.description, item.spoiler));
  return each.type === FILE ? [`file ${each.name ?? ""}`] : [];
}

/** Yield components and all nested ones, but none of a container that is a spoiler. */
function* components(found = []) {
  for (const each of found) {
    yield each;
    if (!each.spoiler) yield* components(each.components);
  }
}
