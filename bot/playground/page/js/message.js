// The element of one message: author, time, reply, content and tools.

import { button, el } from "./dom.js";
import { components } from "./components.js";
import { embed } from "./embeds.js";
import { icon } from "./icons.js";
import { markdown, plainText } from "./markdown.js";
import { attachments } from "./media.js";
import { timestamp } from "./timestamps.js";

export const EPHEMERAL = 1 << 6, LOADING = 1 << 7;
const ORDINARY = 0, REPLY = 19, COMMAND = 20, STARTER = 21, MENU_COMMAND = 23;
/** What system messages say before their content, by type. */
export const NEWS = { 6: "pinned a message.", 18: "started a thread: " };
const HUES = 6;

/** Tell whether a user may edit a message: one that they wrote themselves, and did not forward. */
export function isEditable(message, me) {
  return message.author.id === me.id && [ORDINARY, REPLY].includes(message.type) && !(message.flags & EPHEMERAL) && !message.message_snapshots;
}

/** Tell whether a message is a user's own, or an answer to a command of theirs. */
export function isOwn(message, me) {
  return [message.author.id, message.interaction?.user.id].includes(me.id) || Boolean(message.flags & EPHEMERAL);
}

/** Create an avatar: the eye for the bot, the first letter for users. */
export function avatar(world, user) {
  if (user.bot) return el("img", { class: "avatar", src: "/page/eye.svg", alt: "" });
  const hue = Number(BigInt(user.id) % BigInt(HUES));
  return el("span", { class: `avatar hue-${hue}`, "aria-hidden": "true" }, world.nameOf(user).slice(0, 1).toUpperCase());
}

/**
* Create a message's element.
 * @param {Object} message
 * @param {Object} about `world`, and the actions `use`, `reply`, `more`, `jump`, `openThread`, `dismiss`.
 */
export function messageElement(message, about) {
  const { world } = about;
  const nameId = `by-${message.channel_id}-${message.id}`;
  const bodyId = `says-${message.channel_id}-${message.id}`;
  const ephemeral = Boolean(message.flags & EPHEMERAL);
  const mentioned = message.mention_everyone || message.mentions?.some((each) => each.id === world.me.id)
    || message.mention_roles?.some((each) => world.members.get(world.me.id)?.roles.includes(each));
  return el("li", {
    id: `message-${message.channel_id}-${message.id}`, "data-id": message.id, "data-author": message.author.id,
    class: ["message", ephemeral && "ephemeral", mentioned && "mentioned"].filter(Boolean).join(" "),
    "aria-labelledby": nameId, "aria-describedby": bodyId, tabindex: "-1",
    oncontextmenu: (event) => about.more(event, message),
    onfocusin: (event) => reachTools(event.currentTarget, true),
    onfocusout: (event) => reachTools(event.currentTarget, event.currentTarget.contains(event.relatedTarget)),
  },
  above(message, about),
  avatar(world, message.author),
  el("div", { class: "head" },
    el("span", { class: "author", id: nameId }, world.nameOf(message.author)),
    message.author.bot ? el("span", { class: "badge" }, "APP") : null,
    timestamp(new Date(message.timestamp))),
  el("div", { class: "body", id: bodyId }, body(message, about)),
  el("div", { class: "tools" },
    button(icon("reply"), { class: "icon", tabindex: "-1", "aria-label": `Reply to ${world.nameOf(message.author)}`, title: "Reply", onclick: () => about.reply(message) }),
    button(icon("more"), { class: "icon", tabindex: "-1", "aria-label": "More", title: "More", "aria-haspopup": "menu", onclick: (event) => about.more(event, message) })));
}

/** Make a message's tools tabbable only while it has the focus: else Tab would stop twice at each message. */
function reachTools(element, reach) {
  for (const each of element.querySelectorAll(":scope > .tools button")) each.tabIndex = reach ? 0 : -1;
}

/** Create the line above a message: the message it replies to, or the command it responds to. */
function above(message, about) {
  if ([COMMAND, MENU_COMMAND].includes(message.type) && message.interaction) {
    const { user, name } = message.interaction;
    return el("div", { class: "above" }, `${about.world.nameOf(user)} used `,
      el("span", { class: "mention" }, message.type === COMMAND ? `/${name}` : name));
  }
  if (message.type !== REPLY) return null;
  const answered = message.referenced_message;
  if (!answered) return el("div", { class: "above" }, el("em", {}, `Original message ${answered === null ? "was deleted" : "could not be loaded"}`));
  const hint = plainText(answered.content ?? "", about.world).slice(0, 120) || (answered.attachments?.length ? "a picture" : "a message");
  return el("div", { class: "above" },
    button([el("span", { class: "visually-hidden" }, "In reply to "), el("b", {}, about.world.nameOf(answered.author)), ` ${hint}`],
      { class: "plain", onclick: () => about.jump(answered.channel_id, answered.id) }));
}

function body(message, about) {
  if (message.flags & LOADING) {
    return [el("p", { class: "thinking" }, el("span", { class: "dots", "aria-hidden": "true" }), `${about.world.nameOf(message.author)} is thinking…`), only(message, about)];
  }
  if (message.type === STARTER) return starter(message, about);
  const news = NEWS[message.type];
  return [
    news ? el("p", { class: "muted" }, news, message.type === 18 ? message.content : null) : said(message, about),
    ...(message.message_snapshots ?? []).map(({ message: forwarded }) =>
      el("blockquote", { class: "forward" }, el("div", { class: "muted" }, icon("forward"), " Forwarded"), said({ ...forwarded, id: message.id }, about))),
    (message.sticker_items ?? []).map((each) => el("p", { class: "muted" }, `Sticker: ${each.name}`)),
    reactions(message),
    threadLink(message, about),
    only(message, about),
  ];
}

/** Create content, attachments, embeds and components. */
function said(message, about) {
  return [
    text(message, about),
    attachments(about.world, message.attachments ?? []),
    (message.embeds ?? []).map((each, number) => embed(message, each, number, about)),
    components(message, message.components, about),
  ];
}

/** Create the content, and behind it the mark of an edit. */
function text(message, about) {
  const content = message.content ? el("div", { class: "content" }, markdown(message.content, about)) : null;
  if (!message.edited_timestamp) return content;
  const when = new Date(message.edited_timestamp).toLocaleString();
  return el("div", { class: "edited-text" }, content, el("span", { class: "edited", title: when }, " (edited)"));
}

function starter(message, about) {
  const first = message.referenced_message;
  if (!first) return el("p", { class: "muted" }, "The message that this thread began with was deleted.");
  return [el("p", { class: "muted" }, `${about.world.nameOf(first.author)} wrote:`), said(first, about)];
}

function reactions(message) {
  if (!message.reactions?.length) return null;
  return el("ul", { class: "reactions", "aria-label": "Reactions" },
    message.reactions.map((each) => el("li", {}, `${each.emoji.name} ${each.count}`)));
}

function threadLink(message, about) {
  if (!message.thread) return null;
  return button([icon("thread"), ` ${message.thread.name} `, el("span", { class: "muted" }, "open the thread")],
    { class: "thread-link", onclick: () => about.openThread(message.thread.id) });
}

/** Create the notice of an ephemeral message. */
function only(message, about) {
  if (!(message.flags & EPHEMERAL)) return null;
  return el("p", { class: "only-you" }, "Only you can see this · ",
    button("Dismiss message", { class: "plain", onclick: () => about.dismiss(message) }));
}
