// What is on its way from the composer: the button that sends, and how far the upload is.

import { el } from "./dom.js";

/** Lets one thing at a time go out of each channel. */
export class UploadStatus {
  /** @param {() => string|undefined} shown Returns the id of the channel that is shown. */
  constructor(shown) {
    this.shown = shown;
    this.files = new Map();
    this.button = el("button", { type: "submit", class: "primary", "aria-label": "Send" }, "➤");
    this.progress = el("progress", { max: 1, value: 0, "aria-label": "Upload" });
    this.element = el("div", { class: "uploading", hidden: true }, el("span", {}, "Uploading… "), this.progress);
  }

  /** Begin to send; tell whether nothing else is under way there. */
  begin(channelId) {
    if (this.files.has(channelId)) return false;
    this.files.set(channelId, 0);
    this.show();
    return true;
  }

  end(channelId) {
    this.files.delete(channelId);
    this.show();
  }

  /** Show an upload; return what is to be told how far it is. */
  upload(channelId, files) {
    this.progress.value = 0;
    this.files.set(channelId, files.length);
    this.show();
    return (done) => {
      if (this.shown() !== channelId) return;
      this.progress.value = done;
      this.progress.textContent = `${Math.round(done * 100)} %`;
    };
  }

  /** Show what is under way in the channel that is shown. A disabled button would lose the focus. */
  show() {
    const files = this.files.get(this.shown());
    this.button.setAttribute("aria-disabled", String(files !== undefined));
    this.element.hidden = !files;
  }
}
