// The pictures that are about to be posted: previews, alt text, spoilers.

import { announce, button, el, freshId } from "./dom.js";
import { bytes } from "./media.js";

export const MOST_FILES = 10;

/** Files that wait to be sent. */
export class Tray {
  /** @param {(text: string) => void} complain Told what can't be taken. */
  constructor(complain) {
    this.complain = complain;
    this.entries = [];
    this.element = el("ul", { class: "tray", "aria-label": "Pictures to be posted", hidden: true });
  }

  /** Take files in. */
  add(files) {
    for (const file of files) {
      if (this.entries.length >= MOST_FILES) {
        this.complain(`A message takes ${MOST_FILES} files: ${file.name} was left out.`);
        break;
      }
      this.entries.push(this.#entry(file));
    }
    this.#draw();
    if (files.length) announce(`${this.entries.length} to be posted`);
  }

  /** Return the files, with what is said about each. */
  taken() {
    return {
      files: this.entries.map((each) => each.file),
      about: this.entries.map((each, number) => ({
        id: String(number), filename: each.file.name,
        ...(each.alt.value ? { description: each.alt.value } : {}),
        ...(each.hidden.checked ? { is_spoiler: true } : {}),
      })),
    };
  }

  /** Hand all files over, and forget them. */
  clear() {
    const files = this.entries.map((each) => each.file);
    for (const each of this.entries) URL.revokeObjectURL(each.preview);
    this.entries = [];
    this.#draw();
    return files;
  }

  #entry(file) {
    const preview = URL.createObjectURL(file);
    const altId = freshId("alt");
    const alt = el("input", { id: altId, type: "text", maxlength: 1024, placeholder: "Alt text" });
    const hidden = el("input", { type: "checkbox" });
    const entry = { file, preview, alt, hidden };
    const remove = () => {
      URL.revokeObjectURL(preview);
      this.entries = this.entries.filter((each) => each !== entry);
      this.#draw();
    };
    entry.element = el("li", {},
      thumbnail(preview, file),
      el("span", { class: "file-name" }, file.name, el("span", { class: "muted" }, ` ${bytes(file.size)}`)),
      el("label", { class: "unseen", for: altId }, `Alt text of ${file.name}`), alt,
      el("label", {}, hidden, " Spoiler"),
      button("✕", { class: "icon", "aria-label": `Remove ${file.name}`, onclick: remove }));
    return entry;
  }

  #draw() {
    this.element.hidden = this.entries.length === 0;
    this.element.replaceChildren(...this.entries.map((each) => each.element));
  }
}

/** Show what a file looks like, or its name where no browser can tell. */
export function thumbnail(address, file) {
  const image = el("img", { src: address, alt: "" });
  image.addEventListener("error", () => image.replaceWith(el("span", { class: "no-preview" }, file.name.split(".").pop().toUpperCase())), { once: true });
  return image;
}

/** Let files be dropped and pasted on an element. */
export function takeFiles(element, take) {
  element.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    event.stopPropagation();
    take(files);
  });
  element.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    element.classList.add("dropping");
  });
  for (const end of ["dragleave", "drop"]) element.addEventListener(end, () => element.classList.remove("dropping"));
  element.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    take([...event.dataTransfer.files]);
  });
}
