// Where messages are written: text, pictures, replies, and commands.

import { button, el, freshId } from "./dom.js";
import { CommandForm } from "./command_form.js";
import { Drafts } from "./drafts.js";
import { chooseScene } from "./gallery.js";
import { KnownCommands } from "./known_commands.js";
import { ATTACHMENT } from "./interactions.js";
import { fitting, nameOf, Picker, restAfter } from "./picker.js";
import { ReplyBar } from "./reply_bar.js";
import { described, release, takeFiles, Tray } from "./tray.js";
import { Underway } from "./underway.js";

const TYPING_EVERY = 8000;
const MOST = 2000;
/** What may be meant as a command: posting it by mistake would show everybody what was meant for the bot. */
const COMMAND_LIKE = /^\/(?:[\p{L}\p{N}_-]|\s*$)/u;

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
    this.drafts = new Drafts();
    this.at = null;
    this.form = null;
    this.lent = [];
    this.commands = new KnownCommands(() => app.interactions.commands(this.channel()));
    this.typed = 0;
    this.#build();
  }

  #build() {
    const id = freshId("text");
    this.picker = new Picker((entry) => this.#choose(entry));
    this.tray = new Tray((text) => this.complain(text), () => this.focus());
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
    this.reply = new ReplyBar(this.app.world, () => this.focus());
    this.slot = el("div");
    this.underway = new Underway(() => this.channel()?.id);
    this.error = el("p", { class: "error", role: "alert" });
    this.element = el("form", { class: "composer", novalidate: true, onsubmit: (event) => this.#submit(event) },
      this.error, this.underway.element, this.reply.element, this.tray.element, this.slot, this.picker.element,
      el("div", { class: "line" },
        button("＋", { class: "icon", "aria-label": "Add pictures", title: "Add pictures", onclick: () => this.files.click() }),
        button("Scenes", { class: "small", title: "Scenes from the tiny world, drawn fresh", onclick: () => chooseScene((files) => this.#take(files)) }),
        this.files, this.label, this.text, this.underway.button));
    takeFiles(this.element, (files) => this.#take(files));
  }

  /** Name the text box after where it writes to. */
  name(text) {
    this.label.textContent = text;
    if (!this.form) this.text.placeholder = text;
  }

  focus() {
    if (!this.form) return this.text.focus();
    return this.form.focus() ?? this.underway.button.focus();
  }

  /** Take files that were dropped elsewhere in the pane. */
  take(files) {
    this.#take(files);
  }

  /** Go to another channel: what is written in this one waits here, what was written there comes back. */
  refresh() {
    if (this.at === this.channel().id) return;
    this.#cancel();
    this.drafts.keep(this.at, this.#lift());
    this.at = this.channel().id;
    this.#putBack(this.drafts.take(this.at));
    this.complain("");
    this.#offerNone();
    this.underway.show();
  }

  /** Write the next message in reply to one. */
  replyTo(message) {
    this.reply.show(message);
    this.focus();
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

  /** Take what is written out of the composer, so that the next message can be written at once. */
  #lift() {
    const draft = { text: this.text.value, entries: this.tray.take(), answered: this.reply.message };
    this.#write("");
    this.reply.show(null);
    return draft;
  }

  /** Put back what was taken out, before what was written since. */
  #putBack({ text, entries, answered }) {
    this.#write([text, this.text.value].filter(Boolean).join("\n"));
    this.tray.put(entries);
    if (!this.reply.message) this.reply.show(answered);
  }

  #write(text) {
    this.text.value = text;
    this.#fit();
  }

  #fit() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 200)}px`;
  }

  #take(files) {
    this.complain("");
    if (this.form) this.form.takeFiles(files);
    else this.tray.add(files);
    this.focus();
  }

  async #typed() {
    this.#fit();
    const { value } = this.text;
    if (isCommand(value)) await this.#offer();
    else this.#offerNone();
    if (value && !value.startsWith("/") && Date.now() - this.typed > TYPING_EVERY) {
      this.typed = Date.now();
      this.app.rest.ask("POST", `/channels/${this.channel().id}/typing`).catch(() => {});
    }
  }

  /** Offer the commands that fit. */
  async #offer() {
    const commands = await this.tried(this.commands.get());
    if (commands && isCommand(this.text.value)) this.picker.offer(commands, this.text.value);
    this.#mark();
  }

  #offerNone() {
    this.commands.forget();
    this.picker.close();
    this.#mark();
  }

  /** Tell assistive software what the list is at; only while it is open is the box more than a text box. */
  #mark() {
    for (const [name, value] of [["role", "combobox"], ["aria-expanded", "true"]]) {
      if (this.picker.isOpen) this.text.setAttribute(name, value);
      else this.text.removeAttribute(name);
    }
    if (this.picker.marked) this.text.setAttribute("aria-activedescendant", this.picker.marked);
    else this.text.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    if (this.picker.key(event)) return this.#mark();
    if (event.key === "Escape") this.reply.show(null);
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return undefined;
    event.preventDefault();
    return this.element.requestSubmit();
  }

  /** Turn the composer into a command's form. */
  #choose(entry) {
    const rest = restAfter(entry, this.text.value);
    const room = entry.options.filter((each) => each.type === ATTACHMENT).length;
    this.#write("");
    this.#offerNone();
    this.lent = this.tray.take(room);
    if (!this.tray.isEmpty) this.#sayExcess(room);
    this.form = new CommandForm(entry, {
      world: this.app.world, interactions: this.app.interactions, channel: this.channel,
      cancel: () => this.#cancel({ focus: true }), submit: () => this.element.requestSubmit(),
      spare: (files) => {
        this.tray.add(files);
        this.#sayExcess(room);
      },
    }, this.lent.map((each) => each.file));
    if (rest && !this.form.fill(rest)) this.complain(`/${nameOf(entry)} takes no text: “${rest}” was left out.`);
    this.slot.replaceChildren(this.form.element);
    this.text.hidden = true;
    this.focus();
  }

  #sayExcess(room) {
    this.complain(`This command takes ${room || "no"} picture${room === 1 ? "" : "s"}: the rest waits for the next message.`);
  }

  /** Leave the command's form; its pictures go back to where they came from. */
  #cancel({ focus = false } = {}) {
    if (!this.form) return;
    this.tray.putFiles(this.form.files(), this.lent);
    this.#close();
    if (focus) this.text.focus();
  }

  #close() {
    this.form = null;
    this.lent = [];
    this.slot.replaceChildren();
    this.text.hidden = false;
  }

  /** Send what there is, one thing at a time in each channel: so nothing overtakes what was sent before. */
  async #submit(event) {
    event.preventDefault();
    const { id } = this.channel();
    if (!this.underway.begin(id)) return;
    if (!this.form) this.text.focus();
    await this.tried(this.form ? this.#call() : this.#say());
    this.underway.end(id);
  }

  async #call() {
    const missing = this.form.missing();
    if (missing) throw new Error(missing);
    const { options, files } = this.form.values();
    const called = this.form;
    const channel = this.channel();
    await this.app.interactions.call(channel, called.entry.command, options, files, { progress: this.underway.upload(channel.id, files) });
    if (this.form !== called) return;
    // Somebody may have gone elsewhere in the meantime.
    const here = document.activeElement === document.body || this.element.contains(document.activeElement);
    release(this.lent);
    this.#close();
    if (here) this.text.focus();
  }

  /** Post the text, or open the form of the command that it names. */
  async #say() {
    const text = this.text.value;
    if (!COMMAND_LIKE.test(text)) return this.#post();
    const { id } = this.channel();
    const commands = await this.commands.get();
    if (this.channel()?.id !== id || this.text.value !== text || this.form) return undefined;
    if (text.trim() === "/") return this.#offer();
    const [entry] = fitting(commands, text.replace(/\s+/g, " "));
    if (!entry) throw new Error(`There is no command ${text.trim().split(/\s/)[0]}. To post this as text, put a space before the slash.`);
    return this.#choose(entry);
  }

  async #post() {
    if (!this.text.value.trim() && this.tray.isEmpty) return;
    const channel = this.channel();
    const draft = this.#lift();
    try {
      await this.#sent(channel, draft);
    } catch (error) {
      this.#refused(channel, draft, error);
    }
    release(draft.entries);
    this.typed = 0;
  }

  #sent(channel, { text, entries, answered }) {
    const { files, about } = described(entries);
    const reference = answered ? { message_reference: { message_id: answered.id, channel_id: answered.channel_id } } : {};
    const body = { content: text.trim(), attachments: about, nonce: String(Date.now()), ...reference };
    return this.app.rest.ask("POST", `/channels/${channel.id}/messages`, body, { files, progress: this.underway.upload(channel.id, files) });
  }

  /** Give back what wasn't posted, where it was written. */
  #refused(channel, draft, error) {
    if (this.at === channel.id) {
      this.#putBack(draft);
      throw error;
    }
    this.drafts.putBack(channel.id, draft);
    throw new Error(`Not posted in ${this.app.world.title(channel)}: ${error.message}`);
  }
}
