// The text of a message for screen readers.

import { plainText } from "./markdown.js";

const TEXT = 10, MEDIUM = 11, GALLERY = 12;

/** Return a message's content, else the text of embeds and components, else the alt text of its images. */
export function speechText(message, world) {
  const parts = [...components(message.components)];
  const texts = message.content ? [message.content] : [...message.embeds.flatMap(inEmbed), ...parts.filter((each) => each.type === TEXT).map((each) => each.content)];
  const read = texts.filter(Boolean).map((each) => plainText(each, world));
  if (read.length) return read.join(". ");
  return alts(message, parts).filter(Boolean).join(", ") || (message.attachments.length ? "a picture" : "a message");
}

function inEmbed(embed) {
  return [embed.title, embed.description, ...(embed.fields ?? []).flatMap((each) => [each.name, each.value])];
}

function alts(message, parts) {
  return [
    ...message.attachments.map((each) => each.description),
    ...message.embeds.flatMap((each) => [each.image?.description, each.thumbnail?.description]),
    ...parts.filter((each) => each.type === MEDIUM).map((each) => each.description),
    ...parts.filter((each) => each.type === GALLERY).flatMap((each) => each.items.map((item) => item.description)),
  ];
}

/** Yield components and all nested ones. */
function* components(found = []) {
  for (const each of found) {
    yield each;
    yield* components(each.components);
  }
}
