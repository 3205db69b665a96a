// The commands that are suggested after "/" in the message box.

import { el } from "./dom.js";
import { callable, CHAT } from "./interactions.js";

/** Suggest the commands that match a text. `chosen` is called with the entry that is chosen. */
export function offerCommands(suggestions, commands, text, chosen) {
  const wanted = text.slice(1).trimEnd();
  const rows = fitting(commands, text).map((each) => ({ children: row(each), choose: () => chosen(each) }));
  suggestions.offer("Commands", rows, wanted ? `No command begins with /${wanted}.` : "The bot has no commands here. Is it running?");
}

function row(entry) {
  return [
    el("span", { class: "command-name" }, `/${nameOf(entry)}`),
    entry.options.map((each) => el("span", { class: each.required ? "option-name required" : "option-name" }, each.name)),
    el("span", { class: "muted" }, entry.path.at(-1).description),
    entry.command.hidden ? el("span", { class: "muted" }, "Discord hides this one from you: it is for people with more permissions.") : null,
  ];
}

/** Return the commands whose name starts with the text, or with whose name the text starts. */
export function fitting(commands, text) {
  const wanted = text.slice(1).toLowerCase().trimEnd();
  return commands
    .filter((each) => each.type === CHAT)
    .flatMap((command) => callable(command).map((each) => ({ ...each, command })))
    .filter((each) => nameOf(each).startsWith(wanted) || isNamed(each, wanted))
    .sort((one, other) => isNamed(other, wanted) - isNamed(one, wanted));
}

function isNamed(entry, wanted) {
  return `${wanted} `.startsWith(`${nameOf(entry)} `);
}

/** Return the part of a text after a command's name. */
export function restAfter(entry, text) {
  const name = `/${nameOf(entry)} `;
  return text.toLowerCase().startsWith(name) ? text.slice(name.length).replace(/\s+/g, " ").trim() : "";
}

/** Return a command's full name, with group and subcommand. */
export function nameOf(entry) {
  return entry.path.map((each) => each.name).join(" ");
}
