// Which message the next one answers.

import { button, el } from "./dom.js";

/** The line above the message box that says so. */
export class ReplyBar {
  /**
   * @param {Object} world
   * @param {() => void} leave Moves the focus elsewhere: the line goes away.
   */
  constructor(world, leave) {
    this.world = world;
    this.leave = leave;
    this.message = null;
    this.element = el("div", { class: "reply-to", hidden: true });
  }

  /** Show which message is answered, or nothing for none. */
  show(message) {
    this.message = message;
    this.element.hidden = message === null;
    if (message) this.element.replaceChildren(`Replying to ${this.world.nameOf(message.author)} `, this.#end());
  }

  #end() {
    return button("✕", { class: "icon", "aria-label": "Don't reply", onclick: () => {
      this.show(null);
      this.leave();
    } });
  }
}
