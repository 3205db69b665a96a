// Messages that came while older ones were being read: the line above the first of them, and the button to the end.

import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { byId } from "./world.js";

/** Knows which messages of a pane have not been in sight since they came. */
export class NewMessages {
  /**
   * @param {HTMLElement} log The element that scrolls.
   * @param {Object} list The list of messages in it.
   * @param {() => void} toEnd Scrolls to the newest message.
   */
  constructor(log, list, toEnd) {
    this.log = log;
    this.list = list;
    this.toEnd = toEnd;
    this.unseen = new Set();
    this.first = null;
    this.line = el("li", { class: "new-line" }, "New messages");
    this.button = button("", { class: "jump", hidden: true, onclick: () => this.#jump() });
    this.element = el("div", { class: "below-log" }, this.button);
  }

  /** Add a message that came out of sight. Where all before were seen, the line moves above it. */
  add(messageId) {
    if (!this.unseen.size) this.first = messageId;
    this.unseen.add(messageId);
  }

  /** Remove the line: another channel is shown, or the member has answered. */
  clear() {
    this.unseen.clear();
    this.first = null;
    this.arrange();
  }

  /** Put the line above the first new message, after messages were added or removed. */
  arrange() {
    const below = this.first && this.list.elements().find((each) => byId(each.dataset.id, this.first) >= 0);
    if (!below) this.line.remove();
    else if (below.previousElementSibling !== this.line) below.before(this.line);
  }

  /** Update the button, after scrolling or after messages came. */
  update(atEnd) {
    const { bottom } = this.log.getBoundingClientRect();
    const hidden = new Set(this.list.elements().filter((each) => each.getBoundingClientRect().top >= bottom).map((each) => each.dataset.id));
    this.unseen = new Set(atEnd ? [] : [...this.unseen].filter((each) => hidden.has(each)));
    const count = this.unseen.size;
    const isFar = this.log.scrollHeight - this.log.scrollTop > 2 * this.log.clientHeight;
    this.button.hidden = atEnd || !(count || isFar);
    this.button.replaceChildren(icon("down"), count ? ` ${count} new message${count > 1 ? "s" : ""}` : " To the newest message");
  }

  /** Scroll to the line where that is further up than the newest message in sight. Returns whether it did. */
  show() {
    if (!this.line.isConnected || this.line.getBoundingClientRect().top >= this.log.getBoundingClientRect().top) return false;
    this.line.scrollIntoView({ block: "start" });
    return true;
  }

  /** Scroll to the first message that wasn't seen, else to the end, and focus it. */
  #jump() {
    const messages = this.list.elements();
    const target = messages.find((each) => this.unseen.has(each.dataset.id));
    if (target) (target.previousElementSibling === this.line ? this.line : target).scrollIntoView({ block: "start" });
    else this.toEnd();
    (target ?? messages.at(-1))?.focus({ preventScroll: true });
  }
}
