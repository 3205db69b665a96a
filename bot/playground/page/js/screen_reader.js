// Reads out what others say in a channel.

import { announce } from "./dom.js";
import { EPHEMERAL, LOADING } from "./message.js";
import { speechText } from "./speech_text.js";

const ANNOUNCE_DELAY_MS = 1500;

/** Tells screen readers what is new: once it is there, not each piece of it, and not again where only buttons changed. */
export class MessageAnnouncer {
  constructor(world) {
    this.world = world;
    this.waiting = new Map();
    this.said = new Map();
  }

  /** Forget all: another channel is shown. */
  clear() {
    for (const timer of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
    this.said.clear();
  }

  /** Take in a message that was there before somebody came; what is about to be read stays so. */
  know(message) {
    if (!this.waiting.has(message.id) && !(message.flags & LOADING)) this.said.set(message.id, speechText(message, this.world));
  }

  /** Read a message once it has stopped changing. */
  read({ id, channel_id: channelId }) {
    clearTimeout(this.waiting.get(id));
    this.waiting.set(id, setTimeout(() => {
      this.waiting.delete(id);
      const message = this.world.messages.get(channelId)?.get(id);
      if (message && message.author.id !== this.world.me.id && !(message.flags & LOADING)) this.#announce(message);
    }, ANNOUNCE_DELAY_MS));
  }

  #announce(message) {
    const text = speechText(message, this.world);
    if (this.said.get(message.id) === text) return;
    this.said.set(message.id, text);
    announce(`${message.flags & EPHEMERAL ? "Only to you: " : ""}${this.world.nameOf(message.author)}: ${text}`);
  }
}
