// The channel list: channels with their threads, and DMs.

import { el } from "./dom.js";
import { icon } from "./icons.js";
import { avatar } from "./message.js";

/**
* Render the list.
 * @param {HTMLElement} place
 * @param {Object} world
 * @param {{channel: string|null, thread: string|null}}shown The ids of the open channel and thread.
 */
export function renderChannelList(place, world, shown) {
  if (!world.guild) return;
  const entry = (channel, sign, address, current) => el("li", {},
    el("a", { href: address, "aria-current": current ? "page" : null, class: world.unread.has(channel.id) && !current ? "unread" : null },
      sign, ` ${world.title(channel)}`,
      world.unread.has(channel.id) && !current ? el("span", { class: "visually-hidden" }, " (unread)") : null));
  const threads = (channel) => {
    const found = world.threadsOf(channel.id);
    return found.length ? el("ul", { "aria-label": `Threads in ${channel.name}` },
      found.map((each) => entry(each, icon("thread"), `#/${channel.id}/${each.id}`, each.id === shown.thread))) : null;
  };
  const texts = world.textChannels().map((each) => {
    const made = entry(each, "#", `#/${each.id}`, each.id === shown.channel);
    const below = threads(each);
    if (below) made.append(below);
    return made;
  });
  const bot = world.users.get(world.session.bot_user_id);
  const direct = world.directChannels().map((each) => entry(each, "@", `#/${each.id}`, each.id === shown.channel));
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  place.replaceChildren(
    el("h2", {}, world.guild.name), el("ul", {}, texts),
    el("h2", {}, "Direct messages"), el("ul", {}, direct.length ? direct : el("li", {},
      el("a", { href: "#/dm" }, "@ ", bot ? world.nameOf(bot) : "the bot"))),
    el("div", { class: "me" }, avatar(world, world.me), el("div", {}, el("b", {}, world.nameOf(world.me)),
      el("div", { class: "muted" }, world.me.id === world.owner ? "owns the server" : "member"))));
  if (focused) place.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}
