// The message composer: text, files, replies and commands.

import { button, el, grow, growing, uniqueId } from "./dom.js";
import { CommandForm } from "./command_form.js";
import { Drafts } from "./drafts.js";
import { openSceneGallery } from "./scene_gallery.js";
import { CommandCache } from "./command_cache.js";
import { icon } from "./icons.js";
import { ATTACHMENT } from "./interactions.js";
import { fitting, nameOf, offerCommands, restAfter } from "./command_picker.js";
import { MentionCompletion } from "./mention_completion.js";
import { mentionable, toMarks } from "./mentions.js";
import { ReplyBar } from "./reply_bar.js";
import { Suggestions } from "./suggestions.js";
import { described, release, takeFiles, UploadTray } from "./upload_tray.js";
import { UploadStatus } from "./upload_status.js";

const TYPING_INTERVAL_MS = 8000;
const MAX_LENGTH = 2000;
/** Text that may be meant as a command: it must not be posted where others would read it. */
const COMMAND_LIKE = /^\/(?:[\p{L}\p{N}_-]|\s*$)/u;

function isCommand(text) {
  return text.startsWith("/") && !text.includes("\n");
}

/** The composer of a pane, with a draft for each channel. */
export class Composer {
  /**
   * @param {Object} app `world`, `rest`, `interactions`.
   * @param {() => Object} channel Returns the channel to post in.
   * @param {() => boolean} editLast Edits the user's last message. Returns whether there is one.
   */
  constructor(app, channel, editLast) {
    this.app = app;
    this.channel = channel;
    this.editLast = editLast;
    this.drafts = new Drafts();
    this.at = null;
    this.form = null;
    this.lent = [];
    this.commands = new CommandCache(() => app.interactions.commands(this.channel()));
    this.typed = 0;
    this.#build();
    app.world.on("gone", (_, ids) => this.#forgetAnswered(ids));
  }

  #build() {
    const id = uniqueId("text");
    this.tray = new UploadTray((text) => this.showError(text), () => this.focus());
    this.text = el("textarea", {
      id, rows: 1, maxlength: MAX_LENGTH, placeholder: "Message", enterkeyhint: "send",
      oninput: () => this.#onInput(), onkeydown: (event) => this.#onKey(event), onblur: () => this.#closeSuggestions(),
    });
    this.box = growing(this.text);
    this.suggestions = new Suggestions(this.text);
    this.mentions = new MentionCompletion(this.text, this.suggestions, { world: this.app.world, channel: this.channel });
    this.label = el("label", { class: "visually-hidden", for: id }, "Message");
    this.files = el("input", { type: "file", class: "visually-hidden", multiple: true, tabindex: "-1", "aria-label": "Pictures to post", "aria-hidden": "true",
      onchange: () => {
        this.take([...this.files.files]);
        this.files.value = "";
      } });
    this.reply = new ReplyBar(this.app.world, () => this.focus());
    this.slot = el("div");
    this.status = new UploadStatus(() => this.channel()?.id);
    this.error = el("p", { class: "error", role: "alert" });
    this.element = el("form", { class: "composer", novalidate: true, onsubmit: (event) => this.#submit(event) },
      this.error, this.status.element, this.reply.element, this.tray.element, this.slot, this.suggestions.element,
      el("div", { class: "line" },
        button(icon("add"), { class: "icon", "aria-label": "Add pictures", title: "Add pictures", onclick: () => this.files.click() }),
        button("Scenes", { class: "small", title: "Scenes from the tiny world, drawn fresh", onclick: () => openSceneGallery((files) => this.take(files)) }),
        this.files, this.label, this.box, this.status.button));
    takeFiles(this.element, (files) => this.take(files));
  }

  /** Set the label of the message box. */
  name(text) {
    this.label.textContent = text;
    if (!this.form) this.text.placeholder = text;
  }

  focus() {
    if (!this.form) return this.text.focus();
    return this.form.focus() ?? this.status.button.focus();
  }

  /** Switch to the current channel: store the draft of the last one, restore this one's. */
  refresh() {
    if (this.at === this.channel().id) return;
    this.#cancel();
    this.drafts.keep(this.at, this.#takeDraft());
    this.at = this.channel().id;
    this.#restoreDraft(this.drafts.take(this.at));
    this.showError("");
    this.#closeSuggestions();
    this.status.show();
  }

  /** Make the next message a reply. */
  replyTo(message) {
    this.reply.show(message);
    this.focus();
  }

  showError(text) {
    this.error.textContent = text;
  }

  /** Await a promise and show its error. Resolves to undefined then. */
  async reportErrors(doing) {
    this.showError("");
    try {
      return await doing;
    } catch (error) {
      this.showError(error.message);
      return undefined;
    }
  }

  /** Clear the composer and return its content as a draft. */
  #takeDraft() {
    const draft = { text: this.text.value, entries: this.tray.take(), answered: this.reply.message };
    this.#write("");
    this.reply.show(null);
    return draft;
  }

  /** Insert a draft before what was written since. */
  #restoreDraft({ text, entries, answered }) {
    this.#write([text, this.text.value].filter(Boolean).join("\n"));
    this.tray.put(entries);
    if (!this.reply.message) this.reply.show(answered);
  }

  #write(text) {
    this.text.value = text;
    grow(this.text);
  }

  /** Call off a reply, in this channel or in a draft, to a message that is gone. */
  #forgetAnswered(ids) {
    this.drafts.forgetAnswered(ids);
    if (!ids.includes(this.reply.message?.id)) return;
    this.reply.show(null);
    this.showError("The message that you were replying to was deleted.");
  }

  /** Add files, to the form of a command where one is open. */
  take(files) {
    this.showError("");
    if (this.form) this.form.takeFiles(files);
    else this.tray.add(files);
    this.focus();
  }

  async #onInput() {
    const { value } = this.text;
    if (isCommand(value)) await this.#offerCommands();
    else {
      this.commands.forget();
      this.mentions.update();
    }
    if (value && !value.startsWith("/") && Date.now() - this.typed > TYPING_INTERVAL_MS) {
      this.typed = Date.now();
      this.app.rest.request("POST", `/channels/${this.channel().id}/typing`).catch(() => {});
    }
  }

  /** Show the commands that match the text. */
  async #offerCommands() {
    const commands = await this.reportErrors(this.commands.get());
    if (commands && isCommand(this.text.value)) offerCommands(this.suggestions, commands, this.text.value, (entry) => this.#openCommandForm(entry));
  }

  #closeSuggestions() {
    this.commands.forget();
    this.suggestions.close();
  }

  #onKey(event) {
    if (this.suggestions.key(event)) return undefined;
    if (event.key === "Escape") this.reply.show(null);
    const plain = !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey && !event.isComposing;
    if (event.key === "ArrowUp" && plain && !this.text.value && this.editLast()) event.preventDefault();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return undefined;
    event.preventDefault();
    return this.element.requestSubmit();
  }

  /** Replace the message box with a command's form. */
  #openCommandForm(entry) {
    const rest = restAfter(entry, this.text.value);
    const room = entry.options.filter((each) => each.type === ATTACHMENT).length;
    this.#write("");
    this.#closeSuggestions();
    this.lent = this.tray.take(room);
    if (!this.tray.isEmpty) this.#explainLeftover(room);
    this.form = new CommandForm(entry, {
      world: this.app.world, interactions: this.app.interactions, channel: this.channel,
      cancel: () => this.#cancel({ focus: true }), submit: () => this.element.requestSubmit(),
      spare: (files) => {
        this.tray.add(files);
        this.#explainLeftover(room);
      },
    }, this.lent.map((each) => each.file));
    if (rest && !this.form.fill(rest)) this.showError(`/${nameOf(entry)} takes no text: “${rest}” was left out.`);
    this.slot.replaceChildren(this.form.element);
    this.box.hidden = true;
    this.focus();
  }

  #explainLeftover(room) {
    this.showError(`This command takes ${room || "no"} picture${room === 1 ? "" : "s"}: the rest waits for the next message.`);
  }

  /** Close the command's form, and return its files to the tray. */
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
    this.box.hidden = false;
  }

  /** Send the message or the command. One request at a time for each channel keeps their order. */
  async #submit(event) {
    event.preventDefault();
    const { id } = this.channel();
    if (!this.status.begin(id)) return;
    if (!this.form) this.text.focus();
    await this.reportErrors(this.form ? this.#submitCommand() : this.#submitText());
    this.status.end(id);
  }

  async #submitCommand() {
    const missing = this.form.missing();
    if (missing) throw new Error(missing);
    const { options, files } = this.form.values();
    const called = this.form;
    const channel = this.channel();
    await this.app.interactions.call(channel, called.entry.command, options, files, { progress: this.status.upload(channel.id, files) });
    if (this.form !== called) return;
    // The focus may have been moved elsewhere meanwhile.
    const here = document.activeElement === document.body || this.element.contains(document.activeElement);
    release(this.lent);
    this.#close();
    if (here) this.text.focus();
  }

  /** Post the text, or open the form of its command. */
  async #submitText() {
    const text = this.text.value;
    if (!COMMAND_LIKE.test(text)) return this.#post();
    const { id } = this.channel();
    const commands = await this.commands.get();
    if (this.channel()?.id !== id || this.text.value !== text || this.form) return undefined;
    if (text.trim() === "/") return this.#offerCommands();
    const [entry] = fitting(commands, text.replace(/\s+/g, " "));
    if (!entry) throw new Error(`There is no command ${text.trim().split(/\s/)[0]}. To post this as text, put a space before the slash.`);
    return this.#openCommandForm(entry);
  }

  async #post() {
    if (!this.text.value.trim() && this.tray.isEmpty) return;
    const channel = this.channel();
    const draft = this.#takeDraft();
    try {
      await this.#sendMessage(channel, draft);
    } catch (error) {
      this.#restore(channel, draft, error);
    }
    release(draft.entries);
    this.typed = 0;
  }

  #sendMessage(channel, { text, entries, answered }) {
    const { files, about } = described(entries);
    const reference = answered ? { message_reference: { message_id: answered.id, channel_id: answered.channel_id } } : {};
    const content = toMarks(text.trim(), mentionable(this.app.world, channel));
    const body = { content, attachments: about, nonce: String(Date.now()), ...reference };
    return this.app.rest.request("POST", `/channels/${channel.id}/messages`, body, { files, progress: this.status.upload(channel.id, files) });
  }

  /** Restore a draft that couldn't be posted, in its channel. */
  #restore(channel, draft, error) {
    if (this.at === channel.id) {
      this.#restoreDraft(draft);
      throw error;
    }
    this.drafts.putBack(channel.id, draft);
    throw new Error(`Not posted in ${this.app.world.title(channel)}: ${error.message}`);
  }
}
