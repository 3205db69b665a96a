// The status line: a lost connection, or a bot or worker that isn't ready.

import { button } from "./dom.js";

const POLL_INTERVAL_MS = 2000;
const LOST = "Connection lost, trying again…";
const REPLACED = "This Discord is a new one: reload the page.";

/** Shows problems. Empty where there are none. */
export class ConnectionStatus {
  constructor(line) {
    this.line = line;
    this.lost = false;
    this.replaced = false;
    this.trouble = "";
    this.said = "";
  }

  /** Show whether the gateway is connected. */
  change(connected) {
    this.lost = !connected;
    document.body.classList.toggle("away", this.lost);
    this.#render();
  }

  /** Show that the server has a new data folder, so that this page's ids and tokens are invalid. */
  replace() {
    this.replaced = true;
    this.#render();
  }

  /** Poll whether bot and worker are ready, and show where they aren't. */
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
    // Screen readers announce each change of the element, so it changes with the text only.
    if (text === this.said) return;
    this.said = text;
    this.line.replaceChildren(text, ...(this.replaced ? [" ", button("Reload", { onclick: () => location.reload() })] : []));
  }
}
