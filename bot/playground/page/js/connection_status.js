// The line that says what keeps this page from working: the connection, or a bot that isn't there.

import { button } from "./dom.js";

const POLL_INTERVAL_MS = 2000;
const LOST = "Connection lost, trying again…";
const REPLACED = "This Discord is a new one: reload the page.";

/** Says what is wrong, and nothing where all is well. */
export class ConnectionStatus {
  constructor(line) {
    this.line = line;
    this.lost = false;
    this.replaced = false;
    this.trouble = "";
    this.said = "";
  }

  /** Say whether the connection stands. */
  change(connected) {
    this.lost = !connected;
    document.body.classList.toggle("away", this.lost);
    this.#render();
  }

  /** Say that nothing on this page is there any more: the server began with a new data folder. */
  replace() {
    this.replaced = true;
    this.#render();
  }

  /** Say that bot or worker are still starting, until they are there. */
  async watch() {
    try {
      const { ready } = await (await fetch("/playground/session")).json();
      this.trouble = ready ? "" : "Bot or worker are still starting, or away.";
    } catch {
      this.trouble = "The pocket Discord doesn't answer. Is it still running?";
    }
    this.#render();
    if (!this.replaced) setTimeout(() => this.watch(), POLL_INTERVAL_MS * (this.trouble ? 1 : 5));
  }

  #render() {
    const text = this.replaced ? REPLACED : [this.lost ? LOST : "", this.trouble].filter(Boolean).join(" ");
    // It is read out when it changes: not again each time that it is looked at.
    if (text === this.said) return;
    this.said = text;
    this.line.replaceChildren(text, ...(this.replaced ? [" ", button("Reload", { onclick: () => location.reload() })] : []));
  }
}
