// The send button and the upload progress of a composer.

import { el } from "./dom.js";
import { icon } from "./icons.js";

/** Allows one request at a time for each channel. */
export class UploadStatus {
  /** @param {() => string|undefined} shown Returns the id of the channel that is shown. */
  constructor(shown) {
    this.shown = shown;
    this.files = new Map();
    this.button = el("button", { type: "submit", class: "primary", "aria-label": "Send" }, icon("send"));
    this.progress = el("progress", { max: 1, value: 0, "aria-label": "Upload" });
    this.element = el("div", { class: "uploading", hidden: true }, el("span", {}, "Uploading… "), this.progress);
  }

  /** Mark a channel as sending. Returns false where it already is. */
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

  /** Show an upload. Returns its progress callback. */
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

  /** Update the button and the progress for the shown channel. `disabled` would lose the focus. */
  show() {
    const files = this.files.get(this.shown());
    this.button.setAttribute("aria-disabled", String(files !== undefined));
    this.element.hidden = !files;
  }
}
