// The bar that shows which message is replied to.

import { button, el } from "./dom.js";
import { icon } from "./icons.js";

/** The bar above the message box. Hidden where the next message is no reply. */
export class ReplyBar {
  /**
   * @param {Object} world
   * @param {() => void} leave Moves the focus elsewhere when the bar is closed.
   */
  constructor(world, leave) {
    this.world = world;
    this.leave = leave;
    this.message = null;
    this.element = el("div", { class: "reply-to", hidden: true });
  }

  /** Set the message to reply to, null for none. */
  show(message) {
    this.message = message;
    this.element.hidden = message === null;
    if (message) this.element.replaceChildren(`Replying to ${this.world.nameOf(message.author)} `, this.#end());
  }

  #end() {
    return button(icon("close"), { class: "icon", "aria-label": "Don't reply", onclick: () => {
      this.show(null);
      this.leave();
    } });
  }
}
