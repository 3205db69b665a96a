// The list of matching commands, opened by "/" in the message box.

import { el, uniqueId } from "./dom.js";
import { callable, CHAT } from "./interactions.js";

/** A listbox of commands, controlled by keys in the message box. */
export class CommandPicker {
  /** @param {(entry: Object) => void} chosen Called with the chosen command. */
  constructor(chosen) {
    this.chosen = chosen;
    this.entries = [];
    this.at = 0;
    this.id = uniqueId("commands");
    this.element = el("ul", { class: "picker", id: this.id, role: "listbox", "aria-label": "Commands", hidden: true,
      // mousedown would move the focus, and the list would close before the click.
      onmousedown: (event) => event.preventDefault() });
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Show the commands that match a text. */
  offer(commands, text) {
    const wanted = text.slice(1).trimEnd();
    this.entries = fitting(commands, text);
    this.at = 0;
    this.element.hidden = false;
    this.element.replaceChildren(...(this.entries.length ? this.entries.map((each, number) => this.#row(each, number)) : [this.#none(wanted)]));
    this.#select();
  }

  close() {
    this.element.hidden = true;
    this.element.replaceChildren();
    this.entries = [];
  }

  /** The id of the selected row, for `aria-activedescendant`. */
  get marked() {
    return this.isOpen && this.entries.length ? `${this.id}-${this.at}` : null;
  }

  /** Handle a key. Returns whether the list used it. */
  key(event) {
    if (!this.isOpen) return false;
    if (event.key === "Escape") this.close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.#move(event.key === "ArrowDown" ? 1 : -1);
    else if ((event.key === "Enter" || event.key === "Tab") && this.entries.length) this.chosen(this.entries[this.at]);
    else return false;
    event.preventDefault();
    return true;
  }

  #move(by) {
    this.at = (this.at + by + this.entries.length) % Math.max(this.entries.length, 1);
    this.#select();
  }

  #row(entry, number) {
    const leaf = entry.path.at(-1);
    return el("li", { id: `${this.id}-${number}`, role: "option", class: entry.command.hidden ? "hidden-command" : null, onclick: () => this.chosen(entry) },
      el("span", { class: "command-name" }, `/${nameOf(entry)}`),
      ...entry.options.map((each) => el("span", { class: each.required ? "option-name required" : "option-name" }, each.name)),
      el("span", { class: "muted" }, leaf.description),
      entry.command.hidden ? el("span", { class: "muted" }, "Discord hides this one from you: it is for people with more permissions.") : null);
  }

  #none(wanted) {
    return el("li", { class: "muted none", role: "option", "aria-disabled": "true", "aria-selected": "false" }, wanted
      ? `No command begins with /${wanted}.` : "The bot has no commands here. Is it running?");
  }

  #select() {
    [...this.element.children].forEach((row, number) => row.setAttribute("aria-selected", String(this.entries.length > 0 && number === this.at)));
    this.element.children[this.at]?.scrollIntoView({ block: "nearest" });
  }
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
