// Completion of mentions in a text field: "@" and the beginning of a name.

import { el } from "./dom.js";
import { matching, mentionable } from "./mentions.js";

const MAX_ROWS = 8;
/** The name that is being written before the cursor. An "@" inside of a word, as in an e-mail address, begins none. */
const BEGUN = /(?:^|[^\p{L}\p{N}_@\\<`])@([^@\n]{0,32})$/u;

/** Completes the mentions in one text field. */
export class MentionCompletion {
  /**
   * @param {HTMLInputElement|HTMLTextAreaElement} field
   * @param {Object} suggestions The field's.
   * @param {{world: Object, channel: () => Object}} about
   */
  constructor(field, suggestions, about) {
    this.field = field;
    this.suggestions = suggestions;
    this.about = about;
  }

  /** Update the list with the field. Without it, the caller calls `update`. */
  listen() {
    this.field.addEventListener("input", () => this.update());
    this.field.addEventListener("blur", () => this.suggestions.close());
  }

  /** Suggest what the name before the cursor may be the beginning of, or close the list. */
  update() {
    const begun = this.#begun();
    const found = begun === null ? [] : this.#matching(begun);
    if (found.length) this.suggestions.offer("Members and roles", found.slice(0, MAX_ROWS).map((each) => this.#row(each)), "");
    else this.suggestions.close();
  }

  #begun() {
    const { value, selectionStart, selectionEnd } = this.field;
    if (selectionStart !== selectionEnd) return null;
    return BEGUN.exec(value.slice(0, selectionStart))?.[1] ?? null;
  }

  #matching(begun) {
    const all = mentionable(this.about.world, this.about.channel());
    // What follows a whole name is no longer part of it, unless a longer name is written out.
    const isWhole = / $/.test(begun) && all.some((each) => each.text.toLowerCase() === `@${begun.trimEnd().toLowerCase()}`);
    return isWhole ? [] : matching(all, begun);
  }

  #row(each) {
    const hint = each.hint === each.names[0] ? null : el("span", { class: "muted" }, each.hint);
    return { children: [el("span", { class: "command-name" }, `@${each.names[0]}`), " ", hint], choose: () => this.#insert(each) };
  }

  #insert({ text }) {
    const begun = this.#begun();
    if (begun === null) return this.suggestions.close();
    const end = this.field.selectionStart;
    const space = this.field.value[end] === " " ? "" : " ";
    this.field.setRangeText(text + space, end - begun.length - 1, end, "end");
    return this.field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
