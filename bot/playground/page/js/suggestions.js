// The list of suggestions for a text field: commands after "/", members and roles after "@".

import { el, uniqueId } from "./dom.js";

/**
 * A listbox that is controlled by keys in a text field. The field keeps the focus and points to the selected row. It
 * stays a text box: a textarea may not have the role of a combobox.
 */
export class Suggestions {
  /** @param {HTMLElement} field The text field. The caller inserts `element`, and passes keys to `key`. */
  constructor(field) {
    this.field = field;
    this.rows = [];
    this.at = 0;
    this.id = uniqueId("suggestions");
    this.element = el("ul", { class: "picker", id: this.id, role: "listbox", "aria-label": "Suggestions", tabindex: "0", hidden: true,
      // mousedown would move the focus, and the list would close before the click.
      onmousedown: (event) => event.preventDefault() });
    for (const [name, value] of [["aria-controls", this.id], ["aria-autocomplete", "list"], ["aria-haspopup", "listbox"]]) field.setAttribute(name, value);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /**
   * Open the list.
   * @param {string} label The list's name.
   * @param {Array<{children: Array, choose: () => void}>} rows
   * @param {string} none What is shown where there are no rows.
   */
  offer(label, rows, none) {
    this.rows = rows;
    this.at = 0;
    this.element.hidden = false;
    this.element.setAttribute("aria-label", label);
    this.element.replaceChildren(...(rows.length ? rows.map((each, number) => this.#row(each, number))
      : [el("li", { class: "muted none", role: "option", "aria-disabled": "true", "aria-selected": "false" }, none)]));
    this.#select();
  }

  close() {
    this.element.hidden = true;
    this.element.replaceChildren();
    this.rows = [];
    this.#select();
  }

  /** Handle a key of the field. Returns whether the list used it. */
  key(event) {
    if (!this.isOpen || event.isComposing) return false;
    if (event.key === "Escape") this.close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.#move(event.key === "ArrowDown" ? 1 : -1);
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && this.rows.length) this.rows[this.at].choose();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #move(by) {
    this.at = (this.at + by + this.rows.length) % Math.max(this.rows.length, 1);
    this.#select();
  }

  #row({ children, choose }, number) {
    return el("li", { id: `${this.id}-${number}`, role: "option", onclick: choose }, children);
  }

  #select() {
    if (this.rows.length) this.field.setAttribute("aria-activedescendant", `${this.id}-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
    this.rows.forEach((_, number) => this.element.children[number].setAttribute("aria-selected", String(number === this.at)));
    this.element.children[this.at]?.scrollIntoView({ block: "nearest" });
  }
}
