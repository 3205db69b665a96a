// Announces others' messages to screen readers.

import { announce } from "./dom.js";
import { EPHEMERAL, LOADING } from "./message.js";
import { speechText } from "./speech_text.js";

const ANNOUNCE_DELAY_MS = 1500;

/** Announces a message once it hasn't changed for a while, and again only where its text has changed. */
export class MessageAnnouncer {
  constructor(world) {
    this.world = world;
    this.waiting = new Map();
    this.said = new Map();
  }

  /** Cancel all announcements: another channel is shown. */
  clear() {
    for (const timer of this.waiting.values()) clearTimeout(timer);
    this.waiting.clear();
    this.said.clear();
  }

  /** Mark a loaded message as announced, unless its announcement is pending. */
  know(message) {
    if (!this.waiting.has(message.id) && !(message.flags & LOADING)) this.said.set(message.id, speechText(message, this.world));
  }

  /** Announce a message after `ANNOUNCE_DELAY_MS` without a change. */
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
