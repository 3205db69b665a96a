// Where messages are written: text, pictures, replies, and commands.

import { button, el, freshId } from "./dom.js";
import { CommandForm } from "./command_form.js";
import { chooseScene } from "./gallery.js";
import { Picker } from "./picker.js";
import { takeFiles, Tray } from "./tray.js";

const TYPING_EVERY = 8000;
const MOST = 2000;

function isCommand(text) {
  return text.startsWith("/") && !text.includes("\n");
}

/** The composer of a pane. */
export class Composer {
  /**
   * @param {Object} app `world`, `rest`, `interactions`.
   * @param {() => Object} channel Returns where it writes to.
   */
  constructor(app, channel) {
    this.app = app;
    this.channel = channel;
    this.answered = null;
    this.form = null;
    this.commands = null;
    this.typed = 0;
    this.#build();
  }

  #build() {
    const id = freshId("text");
    this.picker = new Picker((entry) => this.#choose(entry));
    this.tray = new Tray((text) => this.complain(text));
    this.text = el("textarea", {
      id, rows: 1, maxlength: MOST, "aria-controls": this.picker.id, "aria-autocomplete": "list", placeholder: "Message", enterkeyhint: "send",
      oninput: () => this.#typed(), onkeydown: (event) => this.#key(event), onblur: () => this.#offerNone(),
    });
    this.label = el("label", { class: "unseen", for: id }, "Message");
    this.files = el("input", { type: "file", class: "unseen", multiple: true, tabindex: "-1", "aria-label": "Pictures to post", "aria-hidden": "true",
      onchange: () => {
        this.#take([...this.files.files]);
        this.files.value = "";
      } });
    this.above = el("div", { class: "reply-to", hidden: true });
    this.slot = el("div");
    this.progress = el("progress", { max: 1, value: 0, "aria-label": "Upload" });
    this.uploading = el("div", { class: "uploading", hidden: true }, el("span", {}, "Uploading… "), this.progress);
    this.error = el("p", { class: "error", role: "alert" });
    this.sending = el("button", { type: "submit", class: "primary", "aria-label": "Send" }, "➤");
    this.element = el("form", { class: "composer", novalidate: true, onsubmit: (event) => this.#submit(event) },
      this.error, this.uploading, this.above, this.tray.element, this.slot, this.picker.element,
      el("div", { class: "line" },
        button("＋", { class: "icon", "aria-label": "Add pictures", title: "Add pictures", onclick: () => this.files.click() }),
        button("Scenes", { class: "small", title: "Scenes from the tiny world, drawn fresh", onclick: () => chooseScene((files) => this.#take(files)) }),
        this.files, this.label, this.text, this.sending));
    takeFiles(this.element, (files) => this.#take(files));
  }

  /** Name the text box after where it writes to. */
  name(text) {
    this.label.textContent = text;
    if (!this.form) this.text.placeholder = text;
  }

  focus() {
    (this.form ?? this.text).focus();
  }

  /** Take files that were dropped elsewhere in the pane. */
  take(files) {
    this.#take(files);
  }

  /** Start over, in another channel. */
  refresh() {
    this.#cancel();
    this.#answer(null);
    this.complain("");
    this.#offerNone();
  }

  /** Write the next message in reply to one. */
  replyTo(message) {
    this.#answer(message);
    this.text.focus();
  }

  complain(text) {
    this.error.textContent = text;
  }

  /** Wait for something, and say what went wrong with it. */
  async tried(doing) {
    this.complain("");
    try {
      return await doing;
    } catch (error) {
      this.complain(error.message);
      return undefined;
    }
  }

  #answer(message) {
    this.answered = message;
    this.above.hidden = message === null;
    if (message) {
      this.above.replaceChildren(`Replying to ${this.app.world.nameOf(message.author)} `,
        button("✕", { class: "icon", "aria-label": "Don't reply", onclick: () => this.#answer(null) }));
    }
  }

  #take(files) {
    this.complain("");
    if (this.form) this.form.takeFiles(files);
    else this.tray.add(files);
    this.focus();
  }

  async #typed() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 200)}px`;
    const { value } = this.text;
    if (isCommand(value)) await this.#offer();
    else this.#offerNone();
    if (value && !value.startsWith("/") && Date.now() - this.typed > TYPING_EVERY) {
      this.typed = Date.now();
      this.app.rest.ask("POST", `/channels/${this.channel().id}/typing`).catch(() => {});
    }
  }

  /** Offer the commands that fit; they are looked up once for each "/". */
  async #offer() {
    this.commands ??= this.tried(this.app.interactions.commands(this.channel()));
    const commands = (await this.commands) ?? [];
    if (isCommand(this.text.value)) this.picker.offer(commands, this.text.value);
    this.#mark();
  }

  #offerNone() {
    this.commands = null;
    this.picker.close();
    this.#mark();
  }

  #mark() {
    if (this.picker.marked) this.text.setAttribute("aria-activedescendant", this.picker.marked);
    else this.text.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    if (this.picker.key(event)) return this.#mark();
    if (event.key === "Escape" && this.answered) this.#answer(null);
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return undefined;
    event.preventDefault();
    return this.element.requestSubmit();
  }

  /** Turn the composer into a command's form. */
  #choose(entry) {
    this.text.value = "";
    this.#offerNone();
    this.form = new CommandForm(entry, {
      world: this.app.world, interactions: this.app.interactions, channel: this.channel,
      cancel: () => this.#cancel({ focus: true }), submit: () => this.element.requestSubmit(), complain: (text) => this.complain(text),
    }, this.tray.clear());
    this.slot.replaceChildren(this.form.element);
    this.text.hidden = true;
    this.form.focus();
    if (!entry.options.length) this.sending.focus();
  }

  #cancel({ focus = false } = {}) {
    this.form = null;
    this.slot.replaceChildren();
    this.text.hidden = false;
    if (focus) this.text.focus();
  }

  async #submit(event) {
    event.preventDefault();
    if (this.sending.disabled) return;
    this.sending.disabled = true;
    await this.tried(this.form ? this.#call() : this.#post());
    this.sending.disabled = false;
    this.uploading.hidden = true;
  }

  #upload(files) {
    this.uploading.hidden = files.length === 0;
    this.progress.value = 0;
    return (done) => {
      this.progress.value = done;
      this.progress.textContent = `${Math.round(done * 100)} %`;
    };
  }

  async #call() {
    const missing = this.form.missing();
    if (missing) throw new Error(missing);
    const { options, files } = this.form.values();
    const called = this.form;
    await this.app.interactions.call(this.channel(), called.entry.command, options, files, { progress: this.#upload(files) });
    if (this.form === called) this.#cancel({ focus: true });
  }

  async #post() {
    const content = this.text.value.trim();
    const { files, about } = this.tray.taken();
    if (!content && !files.length) return;
    const reference = this.answered ? { message_reference: { message_id: this.answered.id, channel_id: this.answered.channel_id } } : {};
    const nonce = String(Date.now());
    await this.app.rest.ask("POST", `/channels/${this.channel().id}/messages`, { content, attachments: about, nonce, ...reference }, { files, progress: this.#upload(files) });
    this.text.value = "";
    this.text.style.height = "auto";
    this.tray.clear();
    this.#answer(null);
    this.typed = 0;
  }
}
