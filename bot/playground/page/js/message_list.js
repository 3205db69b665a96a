// The messages of a pane: their elements in order, and the editor in one of them.

import { el } from "./dom.js";
import { messageElement } from "./message.js";
import { lastEditable, MessageEditor } from "./message_editor.js";
import { findSameElement } from "./message_focus.js";
import { groupMessages } from "./message_groups.js";
import { byId } from "./world.js";

/** The list of the messages that are loaded, oldest first. */
export class MessageList {
  /**
   * @param {Object} app As of the pane.
   * @param {Object} pane Its `channel`, `composer` and `news` are used, and `enter`.
   */
  constructor(app, pane) {
    this.app = app;
    this.pane = pane;
    this.editor = null;
    this.element = el("ol", { class: "messages" });
  }

  /** Return a message's element, null where it isn't loaded. */
  find(id) {
    return document.getElementById(`message-${this.pane.channel?.id}-${id}`);
  }

  /** Return the elements of all messages. */
  elements() {
    return [...this.element.querySelectorAll(":scope > .message")];
  }

  clear() {
    this.editor = null;
    this.element.replaceChildren();
  }

  /** Render a new or changed message. Call `arrange` afterwards. */
  render(message) {
    const old = this.find(message.id);
    // An editor stays until it is closed, with what was written.
    if (old && this.editor?.message.id === message.id) return;
    const made = this.#create(message);
    if (old) this.#replace(old, made);
    else this.element.insertBefore(made, this.elements().find((each) => byId(each.dataset.id, message.id) > 0) ?? null);
  }

  /** Remove messages. */
  remove(ids) {
    for (const id of ids) {
      const found = this.find(id);
      if (this.editor?.message.id === id) this.editor = null;
      if (found?.contains(document.activeElement)) this.pane.composer.focus();
      found?.remove();
    }
    this.arrange();
  }

  /** Group the messages and place the line of new ones, after messages were added or removed. */
  arrange() {
    this.pane.news.arrange();
    groupMessages(this.element, this.app.world.messages.get(this.pane.channel.id));
  }

  /** Let the user edit a message in its place. */
  edit(message) {
    const { world, rest } = this.app;
    const element = this.find(message.id);
    if (this.editor?.message.id === message.id) return this.editor.focus();
    this.#endEdit();
    this.editor = new MessageEditor(message, { world, rest, channel: () => this.pane.channel, close: () => this.#endEdit() });
    element.classList.add("editing");
    element.querySelector(":scope > .body").prepend(this.editor.element);
    return this.editor.focus();
  }

  /** Edit the user's last message. Returns whether there is one. */
  editLast() {
    const { world } = this.app;
    const last = lastEditable(world.loaded(this.pane.channel.id), world.me);
    if (last) this.edit(last);
    return Boolean(last);
  }

  /** Show the message as it is by now, in place of its editor. */
  #endEdit() {
    if (!this.editor) return;
    const { message: { id }, element } = this.editor;
    const focused = element.contains(document.activeElement);
    this.editor = null;
    const message = this.app.world.messages.get(this.pane.channel.id)?.get(id);
    if (message) this.render(message);
    this.arrange();
    if (focused) this.pane.enter(this.find(id) ?? undefined);
  }

  #create(message) {
    const { app, pane } = this;
    const { composer } = pane;
    return messageElement(message, {
      world: app.world,
      jump: app.jump,
      openThread: app.openThread,
      reply: (each) => composer.replyTo(each),
      more: (event, each) => app.more(event, each, pane),
      use: (each, component, values) => composer.reportErrors(app.interactions.use(each, component, values)),
      dismiss: (each) => composer.reportErrors(app.rest.request("DELETE", `/channels/${each.channel_id}/messages/${each.id}`)),
    });
  }

  #replace(old, made) {
    const refocus = old.contains(document.activeElement) ? findSameElement(old, document.activeElement) : null;
    const shown = [...old.querySelectorAll(".spoiler")].map((each) => each.classList.contains("shown"));
    old.replaceWith(made);
    made.querySelectorAll(".spoiler").forEach((each, number) => shown[number] && each.click());
    refocus?.(made).focus({ preventScroll: true });
  }
}
