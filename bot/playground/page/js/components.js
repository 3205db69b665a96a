// Message components: buttons, selects, and the layout of Components V2.

import { button, el, externalLink, parseWebUrl } from "./dom.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { fileCard, picture } from "./media.js";
import { spoilerImage } from "./spoiler.js";

const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };

/**
* Create the elements of a message's components.
 * @param {Object} message
 * @param {Array} found
 * @param {{world, use}} about `use(message, component, values)` sends the interaction.
 */
export function components(message, found, about) {
  return (found ?? []).map((each) => (MADE[each.type] ?? unknown)(each, message, about));
}

const MADE = {
  1: (each, message, about) => el("div", { class: "row" }, components(message, each.components, about)),
  2: pressable,
  3: (each, message, about) => select(each, message, about, each.options),
  5: (each, message, about) => select(each, message, about, people(about.world)),
  6: (each, message, about) => select(each, message, about, roles(about.world)),
  7: (each, message, about) => select(each, message, about, [...people(about.world), ...roles(about.world)]),
  8: (each, message, about) => select(each, message, about, places(about.world, each.channel_types)),
  9: (each, message, about) => el("div", { class: "section" },
    el("div", {}, components(message, each.components, about)), components(message, [each.accessory], about)),
  10: (each, _, about) => el("div", { class: "content" }, markdown(each.content, about)),
  11: (each, _, about) => medium(each, about),
  12: (each, _, about) => el("div", { class: `pictures count-${Math.min(each.items.length, 4)}` }, each.items.map((item) => medium(item, about))),
  13: (each, _, about) => fileCard(about.world, each.name ?? "file", each.size, each.file.url),
  14: (each) => (each.divider ? el("hr", { class: `gap-${each.spacing}` }) : el("div", { class: `gap-${each.spacing}` })),
  17: container,
};

function unknown(each) {
  return el("p", { class: "muted" }, `A component that this page doesn't know (type ${each.type})`);
}

function pressable(each, message, about) {
  const words = [each.emoji?.name ? `${each.emoji.name} ` : null, each.label];
  if (each.url) return parseWebUrl(each.url) ? el("span", { class: "as-button" }, externalLink(each.url, ...words, " ", icon("external"))) : el("span", {}, ...words);
  return el("button", {
    type: "button", class: STYLES[each.style] ?? "secondary", disabled: each.disabled, "data-custom-id": each.custom_id,
    "aria-busy": isPending(message, each) ? "true" : null, onclick: () => useOnce(message, each, () => about.use(message, each)),
  }, words);
}

/** Components with an unanswered interaction. Kept here since an edit replaces a message's elements. */
const pending = new Set();

function isPending(message, each) {
  return pending.has(`${message.id} ${each.custom_id}`);
}

/** Use a component, unless its last interaction is unanswered: a double click counts once. */
async function useOnce(message, each, use) {
  if (isPending(message, each)) return;
  const all = () => document.querySelectorAll(`#message-${message.channel_id}-${message.id} [data-custom-id="${CSS.escape(each.custom_id)}"]`);
  pending.add(`${message.id} ${each.custom_id}`);
  for (const element of all()) element.setAttribute("aria-busy", "true");
  await use();
  pending.delete(`${message.id} ${each.custom_id}`);
  for (const element of all()) element.removeAttribute("aria-busy");
}

/** Create a select with a submit button: its value changes with each arrow key, before the user has chosen. */
function select(each, message, about, options) {
  const several = each.max_values > 1;
  const chosen = new Set((each.default_values ?? []).map((value) => value.id));
  const menu = el("select", {
    "aria-label": each.placeholder || "Choose", disabled: each.disabled, multiple: several, size: several ? Math.min(options.length, 6) : null,
    "data-custom-id": each.custom_id, "aria-busy": isPending(message, each) ? "true" : null,
  },
  several ? null : el("option", { value: "", disabled: each.min_values > 0, selected: true }, each.placeholder || "Choose…"),
  options.map((option) => el("option", { value: option.value, selected: option.default || chosen.has(option.value) },
    option.description ? `${option.label} — ${option.description}` : option.label)));
  const chosenNow = () => [...menu.selectedOptions].map((option) => option.value).filter(Boolean);
  const send = () => useOnce(message, each, () => about.use(message, each, chosenNow()));
  return el("div", { class: "select" }, menu, button("Choose", { class: "primary", disabled: each.disabled, onclick: send }));
}

/** Return users, roles and channels as options. */
export function people(world) {
  return [...world.users.values()].map((user) => ({ value: user.id, label: world.nameOf(user) }));
}

export function roles(world) {
  return [...world.roles.values()].map((role) => ({ value: role.id, label: role.name }));
}

export function places(world, types) {
  const fits = (each) => each.guild_id && (!types?.length || types.includes(each.type));
  return [...world.channels.values()].filter(fits).map((each) => ({ value: each.id, label: `#${each.name}` }));
}

function medium(item, about) {
  const shown = picture(about.world, { ...item.media, alt: item.description, name: "picture" });
  return item.spoiler ? spoilerImage(shown, item.media.id) : shown;
}

function container(each, message, about) {
  const box = el("div", { class: "container" }, components(message, each.components, about));
  if (Number.isInteger(each.accent_color)) box.style.borderInlineStartColor = `#${each.accent_color.toString(16).padStart(6, "0")}`;
  return each.spoiler ? spoilerImage(box, `${message.id}-${each.id}`) : box;
}
