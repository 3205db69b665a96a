// Convert Discord's Markdown to elements. No input can create other elements than those named here.

import { el, externalLink } from "./dom.js";
import { spoiler } from "./spoiler.js";
import { timestamp } from "./timestamps.js";

const MAX_DEPTH = 6;
const SPECIAL = new Set("\\`*_~|<[@h");
/** Characters that draw a bar or a frame, which a screen reader would read one after the other. */
const DRAWN = /[\u2500-\u259f]+/g;

/** Block rules, tried at the start of a line. Each matches whole lines. */
const LINES = [
  [/(#{1,3}) +([^\n]+)\n?/y, (m, read) => el("div", { class: `heading heading-${m[1].length}` }, read(m[2]))],
  [/-# +([^\n]+)\n?/y, (m, read) => el("div", { class: "subtext" }, read(m[1]))],
  [/>>> ([\s\S]+)/y, (m, read) => el("blockquote", {}, read(m[1]))],
  [/(?:> [^\n]*(?:\n|$))+/y, (m, read) => el("blockquote", {}, read(m[0].replace(/^> /gm, "").replace(/\n$/, "")))],
  [/(?: *[-*] [^\n]+(?:\n|$))+/y, (m, read) => el("ul", {}, items(m[0], read))],
  [/(?: *\d{1,9}\. [^\n]+(?:\n|$))+/y, (m, read) => el("ol", { start: parseInt(m[0], 10) }, items(m[0], read))],
];

/** Inline rules. */
const ANYWHERE = [
  [/\\([^\sA-Za-z0-9])/y, (m) => m[1]],
  [/```(?:[A-Za-z0-9_+#.-]{0,20}\n)?([\s\S]+?)\n?```\n?/y, (m) => el("pre", { tabindex: "0" }, el("code", {}, m[1]))],
  [/(`{1,2})([^`](?:[\s\S]*?[^`])?)\1(?!`)/y, (m) => el("code", {}, m[2])],
  [/\|\|([\s\S]+?)\|\|/y, (m, read) => spoiler(read(m[1]))],
  [/\*\*([\s\S]+?)\*\*(?!\*)/y, (m, read) => el("strong", {}, read(m[1]))],
  [/__([\s\S]+?)__(?!_)/y, (m, read) => el("u", {}, read(m[1]))],
  [/\*(?![\s*])((?:\\[\s\S]|[^*\\])+)\*(?!\*)/y, (m, read) => el("em", {}, read(m[1]))],
  [/_(?![\s_])((?:\\[\s\S]|[^_\\])+)_(?![A-Za-z0-9_])/y, (m, read) => el("em", {}, read(m[1]))],
  [/~~([\s\S]+?)~~/y, (m, read) => el("s", {}, read(m[1]))],
  [/\[([^\]\n]{1,500})\]\(<?(https?:\/\/[^\s)>]+)>?(?: "[^"\n]*")?\)/y, (m, read, about) => link(m[2], read(m[1]), about)],
  [/<(https?:\/\/[^\s>]+)>/y, (m, _, about) => link(m[1], [m[1]], about)],
  [/https?:\/\/[^\s<>|]*[^\s<>|.,:;"')\]]/y, (m, _, about) => link(m[0], [m[0]], about)],
  [/<@!?(\d{5,20})>/y, (m, _, about) => mention(`@${about.world.nameOf(about.world.users.get(m[1]))}`)],
  [/<@&(\d{5,20})>/y, (m, _, about) => mention(`@${about.world.roles.get(m[1])?.name ?? "role"}`)],
  [/<#(\d{5,20})>/y, (m, _, about) => channelLink(m[1], about)],
  [/<\/([^:>\n]{1,100}):\d+>/y, (m) => mention(`/${m[1]}`)],
  [/<a?:(\w{2,32}):\d+>/y, (m) => el("span", { role: "img", "aria-label": m[1] }, `:${m[1]}:`)],
  [/<t:(-?\d{1,12})(?::[tTdDfFR])?>/y, (m) => timestamp(new Date(Number(m[1]) * 1000))],
  [/@(everyone|here)/y, (m) => mention(m[0])],
];

/**
* Convert a text.
 * @param {string} text
 * @param {{world: Object, jump: Function}} about For mentions, and links to messages.
 * @returns {Array<Node|string>}
 */
export function markdown(text, about, depth = 0) {
  const found = [];
  const read = (inner) => (depth < MAX_DEPTH ? markdown(inner, about, depth + 1) : [inner]);
  let plain = "";
  let lineStart = true;
  const add = (node) => {
    found.push(...words(plain));
    plain = "";
    found.push(node);
  };
  for (let at = 0; at < text.length; ) {
    const [match, make] = (lineStart && first(LINES, text, at)) || first(ANYWHERE, text, at) || [];
    if (match) {
      const made = make(match, read, about);
      if (typeof made === "string") plain += made;
      else add(made);
      at += match[0].length;
      lineStart = match[0].endsWith("\n") || made.tagName === "PRE";
    } else {
      lineStart = text[at] === "\n";
      if (lineStart) add(el("br"));
      else plain += text[at];
      at += 1;
    }
  }
  return [...found, ...words(plain)];
}

/** Return a text without markup, with what is drawn in it hidden from screen readers. */
function words(text) {
  const found = [];
  let end = 0;
  for (const drawn of text.matchAll(DRAWN)) {
    if (drawn.index > end) found.push(text.slice(end, drawn.index));
    found.push(el("span", { "aria-hidden": "true" }, drawn[0]));
    end = drawn.index + drawn[0].length;
  }
  return end < text.length ? [...found, text.slice(end)] : found;
}

/** Return a text as it reads, in one line, for previews and screen readers: names for mentions, no signs of Markdown, no spoilers. */
export function plainText(text, world) {
  return markdown(text, { world, jump: () => {} }).map(readOut).join("").replace(/\s+/g, " ").trim();
}

const BLOCKS = new Set(["DIV", "PRE", "BLOCKQUOTE", "OL", "UL"]);

function readOut(node) {
  if (typeof node === "string" || node.nodeType === Node.TEXT_NODE) return node.data ?? node;
  if (node.matches(".spoiler")) return "(spoiler)";
  if (node.matches("[aria-hidden]")) return "";
  if (node.matches("[role=img]")) return node.getAttribute("aria-label");
  if (node.matches("br")) return " ";
  if (node.matches("ol, ul")) return ` ${listOut(node)} `;
  const inner = [...node.childNodes].map(readOut).join("");
  return BLOCKS.has(node.tagName) ? ` ${inner} ` : inner;
}

function listOut(list) {
  const numbered = list.matches("ol");
  return [...list.children].map((each, number) => (numbered ? `${list.start + number}. ` : "") + [...each.childNodes].map(readOut).join("").trim()).join(", ");
}

function first(rules, text, at) {
  if (rules === ANYWHERE && !SPECIAL.has(text[at])) return null;
  for (const [pattern, make] of rules) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return [match, make];
  }
  return null;
}

function items(text, read) {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => el("li", {}, read(line.replace(/^ *(?:[-*]|\d{1,9}\.) /, ""))));
}

function mention(text) {
  return el("span", { class: "mention" }, text);
}

function channelLink(id, about) {
  const channel = about.world.channels.get(id);
  if (!channel) return mention("#unknown");
  return el("a", { class: "mention", href: `#/${id}` }, `#${about.world.title(channel)}`);
}

/** Create a link. A link to a message of this Discord jumps there. */
function link(address, children, about) {
  const place = /^https:\/\/discord\.com\/channels\/(?:@me|\d+)\/(\d+)\/(\d+)$/.exec(address);
  if (place && about.world.channels.has(place[1])) {
    const jump = (event) => {
      event.preventDefault();
      about.jump(place[1], place[2]);
    };
    return el("a", { href: `#/${place[1]}`, onclick: jump }, children);
  }
  return externalLink(address, ...children);
}
