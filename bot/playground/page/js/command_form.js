// The form of a command: a field for each of its options.

import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { ATTACHMENT, STRING } from "./interactions.js";
import { createOptionField } from "./option_fields.js";
import { nameOf } from "./command_picker.js";

/** A command's form. Optional options are shown when they are added. */
export class CommandForm {
  /**
   * @param {{command, path, options}} entry The command with its subcommand path and options.
   * @param {Object} about `world`, `interactions`, `channel`; callbacks `cancel` and `submit`; `spare` gets the
   *   files that no option takes.
   * @param {File[]} files Files that were chosen before the command.
   */
  constructor(entry, about, files) {
    this.entry = entry;
    this.about = about;
    this.fields = [];
    this.rows = el("div", { class: "options" });
    this.others = el("div", { class: "other-options", role: "group", "aria-label": "More options" });
    this.element = el("div", { class: "command-form", role: "group", "aria-label": `/${nameOf(entry)}` },
      el("div", { class: "command-title" }, el("strong", {}, `/${nameOf(entry)}`), el("span", { class: "muted" }, entry.path.at(-1).description),
        button(icon("close"), { class: "icon", "aria-label": "Don't call the command", onclick: about.cancel })),
      this.rows, this.others);
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    entry.options.filter((each) => each.required).forEach((each) => this.#show(each));
    this.#showNextFile();
    this.takeFiles(files);
    this.#drawOthers();
  }

  /** Focus the first field and return it. Returns undefined where there is none. */
  focus() {
    const first = this.fields.find((each) => !each.isFile) ?? this.fields[0];
    first?.focus();
    return first;
  }

  /** Assign files to attachment options in order. */
  takeFiles(files) {
    let left = [...files];
    while (left.length) {
      const free = this.#freeFile() ?? this.#showNextFile();
      if (!free) return this.about.spare(left);
      free.take([left[0]]);
      left = left.slice(1);
    }
  }

  /** Return the files of all attachment options. */
  files() {
    return this.fields.filter((each) => each.isFile).map((each) => each.value()).filter(Boolean);
  }

  /** Set the value of the first string option. Returns whether there is one. */
  fill(text) {
    const option = this.entry.options.find((each) => each.type === STRING && !each.choices?.length);
    if (!option) return false;
    const field = this.fields.find((each) => each.option === option) ?? this.#show(option);
    field.fill(text);
    this.#drawOthers();
    return true;
  }

  /** Return the option values for an interaction, and the files to upload. */
  values() {
    const files = [];
    const given = [];
    for (const field of this.fields) {
      let value = field.value();
      if (value === undefined) continue;
      if (field.isFile) {
        files.push(value);
        value = files.length - 1;
      }
      given.push({ type: field.option.type, name: field.option.name, value });
    }
    return { options: nested(this.entry.path, given), files };
  }

  /** Return an error message for the first missing required option, null where none is missing. */
  missing() {
    const field = this.fields.find((each) => each.option.required && each.value() === undefined);
    field?.focus();
    return field ? `/${nameOf(this.entry)} needs ${field.option.name}: ${field.option.description}` : null;
  }

  #show(option) {
    const field = createOptionField(option, {
      world: this.about.world,
      channel: this.about.channel,
      complete: (each, text) => this.#complete(each, text),
      excess: (files) => this.takeFiles(files),
      changed: () => {
        if (!this.#freeFile()) this.#showNextFile();
        this.#drawOthers();
      },
    });
    this.fields.push(field);
    this.fields.sort((one, other) => this.entry.options.indexOf(one.option) - this.entry.options.indexOf(other.option));
    this.rows.insertBefore(field.element, this.fields[this.fields.indexOf(field) + 1]?.element ?? null);
    return field;
  }

  #freeFile() {
    return this.fields.find((each) => each.isFile && each.value() === undefined);
  }

  #showNextFile() {
    const next = this.#unshown().find((each) => each.type === ATTACHMENT);
    return next ? this.#show(next) : null;
  }

  #unshown() {
    return this.entry.options.filter((each) => !this.fields.some((field) => field.option === each));
  }

  /** Render a button for each option that isn't shown. */
  #drawOthers() {
    this.others.replaceChildren(...this.#unshown().map((each) => button(`+ ${each.name}`, {
      title: each.description,
      onclick: () => {
        const field = this.#show(each);
        this.#drawOthers();
        field.focus();
      },
    })));
  }

  async #complete(option, text) {
    const { options } = this.values();
    const focused = { type: option.type, name: option.name, value: text, focused: true };
    const leaves = (options.length && this.entry.path.length > 1 ? deepest(options) : options).filter((each) => each.name !== option.name && each.type !== ATTACHMENT);
    try {
      return await this.about.interactions.complete(this.about.channel(), this.entry.command, nested(this.entry.path, [...leaves, focused]));
    } catch {
      return [];
    }
  }

  #onKey(event) {
    if (event.key === "Escape") this.about.cancel();
    else if (event.key === "Enter" && event.target.matches("input:not([type=file]), select")) this.about.submit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Wrap options in their subcommand and subcommand group. */
function nested(path, options) {
  return path.slice(1).reduceRight((inner, each) => [{ type: each.type, name: each.name, options: inner }], options);
}

function deepest(options) {
  return options[0]?.options ? deepest(options[0].options) : options;
}
