// The tray of files to post: previews, alt text, spoilers. Also drop and paste of files.

import { announce, button, el, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { bytes } from "./media.js";

export const MAX_FILES = 10;

/** Files to be posted with the next message. */
export class UploadTray {
  /**
   * @param {(text: string) => void} showError Called with the reason where a file can't be added.
   * @param {() => void} leave Moves the focus elsewhere when the last file is removed.
   */
  constructor(showError, leave) {
    this.showError = showError;
    this.leave = leave;
    this.entries = [];
    this.element = el("ul", { class: "tray", "aria-label": "Pictures to be posted", hidden: true });
  }

  /** Add files. */
  add(files) {
    for (const file of files) {
      if (this.entries.length >= MAX_FILES) {
        this.showError(`A message takes ${MAX_FILES} files: ${file.name} was left out.`);
        break;
      }
      this.entries.push(this.#entry(file));
    }
    this.#render();
    if (files.length) announce(`${this.entries.length} to be posted`);
  }

  get isEmpty() {
    return this.entries.length === 0;
  }

  /** Remove and return the first `count` entries, by default all. `put` restores them. */
  take(count = this.entries.length) {
    const taken = this.entries.splice(0, count);
    this.#render();
    return taken;
  }

  /** Insert entries before those added since. */
  put(entries) {
    this.entries.unshift(...entries);
    this.#render();
  }

  /** Insert files. Files of `lent` entries get their alt text and spoiler back. */
  putFiles(files, lent) {
    const back = files.map((file) => lent.find((each) => each.file === file) ?? this.#entry(file));
    release(lent.filter((each) => !back.includes(each)));
    this.put(back);
  }

  #entry(file) {
    const preview = URL.createObjectURL(file);
    const altId = uniqueId("alt");
    const alt = el("input", { id: altId, type: "text", maxlength: 1024, placeholder: "Alt text" });
    const hidden = el("input", { type: "checkbox" });
    const entry = { file, preview, alt, hidden };
    const remove = button(icon("close"), { class: "icon", "aria-label": `Remove ${file.name}`, onclick: () => this.#remove(entry) });
    entry.element = el("li", {},
      thumbnail(preview, file),
      el("span", { class: "file-name" }, file.name, el("span", { class: "muted" }, ` ${bytes(file.size)}`)),
      el("label", { class: "visually-hidden", for: altId }, `Alt text of ${file.name}`), alt,
      el("label", {}, hidden, " Spoiler"), remove);
    return Object.assign(entry, { remove });
  }

  #remove(entry) {
    const at = this.entries.indexOf(entry);
    release(this.entries.splice(at, 1));
    this.#render();
    const next = this.entries[at] ?? this.entries[at - 1];
    if (next) next.remove.focus();
    else this.leave();
  }

  #render() {
    this.element.hidden = this.entries.length === 0;
    this.element.replaceChildren(...this.entries.map((each) => each.element));
  }
}

/** Return the files of entries, and their `attachments` for the request. */
export function described(entries) {
  return {
    files: entries.map((each) => each.file),
    about: entries.map((each, number) => ({
      id: String(number), filename: each.file.name,
      ...(each.alt.value ? { description: each.alt.value } : {}),
      ...(each.hidden.checked ? { is_spoiler: true } : {}),
    })),
  };
}

/** Release the preview URLs of entries that no tray has. */
export function release(entries) {
  for (const each of entries) URL.revokeObjectURL(each.preview);
}

/** Create a preview, or the file's suffix where the browser can't show it. */
export function thumbnail(address, file) {
  const image = el("img", { src: address, alt: "" });
  image.addEventListener("error", () => image.replaceWith(el("span", { class: "no-preview" }, file.name.split(".").pop().toUpperCase())), { once: true });
  return image;
}

/** Accept dropped and pasted files on an element, unless an element inside of it accepts them. */
export function takeFiles(element, take) {
  element.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length || event.target.closest("dialog")) return;
    event.preventDefault();
    event.stopPropagation();
    take(files);
  });
  element.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files") || isFileField(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.target.closest("dialog")) element.classList.add("dropping");
  });
  for (const end of ["dragleave", "drop"]) element.addEventListener(end, () => element.classList.remove("dropping"));
  element.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length || isFileField(event.target)) return;
    // By default the browser opens the file in place of the page.
    event.preventDefault();
    event.stopPropagation();
    if (!event.target.closest("dialog")) take([...event.dataTransfer.files]);
  });
}

/** Tell whether the browser handles a drop itself: on a file input of a dialog. */
function isFileField(element) {
  return element.matches("dialog input[type=file]");
}
