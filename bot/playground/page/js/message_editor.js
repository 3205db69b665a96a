// The text box in which a member edits a message of their own, in its place.

import { button, el, growing, grow, uniqueId } from "./dom.js";
import { MentionCompletion } from "./mention_completion.js";
import { mentionable, toMarks, toNames } from "./mentions.js";
import { isEditable } from "./message.js";
import { Suggestions } from "./suggestions.js";

const MAX_LENGTH = 2000;

/** Return the last of the messages that this user may edit. */
export function lastEditable(messages, me) {
  return messages.filter((each) => isEditable(each, me)).at(-1);
}

/** Edits one message, until it is saved or called off. */
export class MessageEditor {
  /**
   * @param {Object} message
   * @param {{world, rest, channel, close: () => void}} about `close` is called when it is done.
   */
  constructor(message, about) {
    this.message = message;
    this.about = about;
    const id = uniqueId("edit");
    this.text = el("textarea", { id, rows: 1, maxlength: MAX_LENGTH, onkeydown: (event) => this.#onKey(event) });
    this.suggestions = new Suggestions(this.text);
    new MentionCompletion(this.text, this.suggestions, about).listen();
    this.error = el("p", { class: "error", role: "alert" });
    this.element = el("form", { class: "editor", novalidate: true, onsubmit: (event) => this.#save(event) },
      el("label", { class: "visually-hidden", for: id }, "Edit message"),
      growing(this.text), this.suggestions.element, this.error,
      el("p", { class: "muted" }, "Escape to ", button("cancel", { class: "plain", onclick: about.close }), ", Enter to ", el("button", { class: "plain" }, "save")));
    this.text.value = toNames(message.content, this.#mentionable());
    grow(this.text);
  }

  /** Focus the text box, with the cursor at its end. */
  focus() {
    this.text.focus();
    this.text.setSelectionRange(this.text.value.length, this.text.value.length);
    this.element.scrollIntoView({ block: "nearest" });
  }

  #mentionable() {
    return mentionable(this.about.world, this.about.channel());
  }

  #onKey(event) {
    if (this.suggestions.key(event) || event.isComposing) return;
    if (event.key === "Escape") this.about.close();
    else if (event.key === "Enter" && !event.shiftKey) this.element.requestSubmit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  async #save(event) {
    event.preventDefault();
    if (this.saving) return;
    const content = toMarks(this.text.value.trim(), this.#mentionable());
    if (content === this.message.content) return this.about.close();
    if (!content && !this.message.attachments.length) return this.#showError("A message can't be empty. To delete it, use its menu.");
    this.saving = true;
    try {
      const { id, channel_id: channelId } = this.message;
      await this.about.rest.request("PATCH", `/channels/${channelId}/messages/${id}`, { content });
      this.about.close();
    } catch (error) {
      this.#showError(error.message);
    }
    this.saving = false;
  }

  #showError(text) {
    this.error.textContent = text;
  }
}
