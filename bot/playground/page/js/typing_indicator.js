// The typing indicator of a channel.

import { el } from "./dom.js";

const SECONDS = 10;

/** Shows the users who are typing, each for `SECONDS` after their last event. */
export class TypingIndicator {
  constructor(world) {
    this.world = world;
    this.until = new Map();
    this.element = el("p", { class: "typing", role: "status" });
  }

  add(userId) {
    if (userId !== this.world.me.id) this.until.set(userId, Date.now() + SECONDS * 1000);
    this.#render();
  }

  remove(userId) {
    this.until.delete(userId);
    this.#render();
  }

  clear() {
    this.until.clear();
    this.#render();
  }

  #render() {
    for (const [id, until] of this.until) if (until <= Date.now()) this.until.delete(id);
    const names = [...this.until.keys()].map((id) => this.world.nameOf(this.world.users.get(id)));
    this.element.textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing…` : "";
    clearTimeout(this.fading);
    if (names.length) this.fading = setTimeout(() => this.#render(), SECONDS * 1000);
  }
}
