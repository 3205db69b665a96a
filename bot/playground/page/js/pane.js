// A channel or a thread: its messages, who is typing, and the composer below.

import { announce, button, el } from "./dom.js";
import { Composer } from "./composer.js";
import { EPHEMERAL, LOADING, messageElement } from "./message.js";
import { plainText } from "./markdown.js";
import { byId, DIRECT, THREADS } from "./world.js";

const PAGE = 50;
const TYPING_SECONDS = 10;
const TOGETHER = 7 * 60 * 1000;
const NEAR = 120;
const SETTLED = 1500;

/** Shows one channel at a time. */
export class Pane {
  /**
   * @param {HTMLElement} place
   * @param {Object} app `world`, `rest`, `interactions`, and the page's doings: `openThread`, `jump`, `more`.
   * @param {{closed?: () => void}} more What to do when it is closed; without it there is no way to close it.
   */
  constructor(place, app, { closed = null } = {}) {
    this.place = place;
    this.app = app;
    this.closed = closed;
    this.channel = null;
    this.typing = new Map();
    this.speaking = new Map();
    this.#build();
    app.world.on("message", (message) => message.channel_id === this.channel?.id && this.#put(message));
    app.world.on("gone", (channelId, ids) => channelId === this.channel?.id && this.#remove(ids));
    app.world.on("typing", (data) => data.channel_id === this.channel?.id && this.#types(data));
    app.world.on("channels", () => this.channel && this.#title());
    app.world.on("fresh", () => this.channel && this.show(this.channel.id));
  }

  #build() {
    this.heading = el("h2", { tabindex: "-1" });
    this.older = button("Show older messages", { class: "older", hidden: true, onclick: () => this.#loadOlder() });
    this.list = el("ol", { class: "messages" });
    this.topic = el("p", { class: "muted topic" });
    this.welcome = el("div", { class: "welcome" });
    this.log = el("div", { class: "log", role: "log", tabindex: "0", "aria-label": "Messages", "aria-live": "off" },
      this.older, this.welcome, this.list);
    this.typists = el("p", { class: "typing", role: "status" });
    this.composer = new Composer(this.app, () => this.channel);
    this.place.replaceChildren(
      el("header", { class: "pane-head" }, this.heading, this.topic,
        this.closed ? button("✕", { class: "icon", "aria-label": "Close the thread", onclick: this.closed }) : null),
      this.log, this.typists, this.composer.element);
    // Pictures that come in later must not push the newest message out of sight.
    new ResizeObserver(() => this.following && this.#toEnd()).observe(this.list);
    this.log.addEventListener("scroll", () => {
      this.following = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR;
    });
  }

  /** Show a channel, with its newest messages. */
  async show(channelId) {
    const { world, rest } = this.app;
    this.channel = world.channels.get(channelId);
    this.place.hidden = false;
    this.following = true;
    this.typing.clear();
    this.#types(null);
    this.#title();
    this.composer.refresh();
    const messages = await rest.get(`/channels/${channelId}/messages?limit=${PAGE}`);
    if (this.channel?.id !== channelId) return;
    world.messages.delete(channelId);
    world.keep(channelId, messages);
    this.#begins(messages.length < PAGE);
    this.list.replaceChildren(...world.loaded(channelId).map((each) => this.#made(each)));
    this.#regroup();
    this.#toEnd();
    this.read();
  }

  /** Show nothing. */
  hide() {
    this.channel = null;
    this.place.hidden = true;
  }

  read() {
    if (this.channel && this.app.world.unread.delete(this.channel.id)) this.app.world.tell("channels");
  }

  /** Bring a message into view and point to it. */
  point(messageId) {
    const found = this.#element(messageId);
    if (!found) return announce("That message isn't loaded: show older messages first.");
    found.scrollIntoView({ block: "center" });
    found.focus({ preventScroll: true });
    found.classList.add("pointed");
    setTimeout(() => found.classList.remove("pointed"), 2000);
  }

  #title() {
    const { world } = this.app;
    const title = world.title(this.channel);
    const sign = this.channel.type === DIRECT ? "@" : THREADS.has(this.channel.type) ? "↳ " : "# ";
    this.heading.textContent = `${sign}${title}`;
    this.topic.textContent = this.channel.topic ?? "";
    this.place.setAttribute("aria-label", `${THREADS.has(this.channel.type) ? "Thread" : "Channel"} ${title}`);
    this.composer.name(`Message ${sign}${title}`);
  }

  /** Say what the channel is for, above its first message. */
  #begins(whole) {
    const { type, topic } = this.channel;
    this.older.hidden = whole;
    this.welcome.hidden = !whole || THREADS.has(type);
    const title = this.app.world.title(this.channel);
    this.welcome.replaceChildren(
      el("p", { class: "welcome-title" }, type === DIRECT ? `You and ${title}` : `Welcome to #${title}`),
      el("p", {}, type === DIRECT ? "Nobody else reads this. Post a picture, or reply to an answer." : topic ?? ""),
      el("p", { class: "muted" }, "Drop or paste pictures here, or take some of the Scenes. Type / for the bot's commands."));
  }

  #element(id) {
    return document.getElementById(`message-${this.channel?.id}-${id}`);
  }

  #made(message) {
    const { app } = this;
    return messageElement(message, {
      world: app.world,
      jump: app.jump,
      openThread: app.openThread,
      reply: (each) => this.composer.replyTo(each),
      more: (event, each) => app.more(event, each, this),
      use: (each, component, values) => this.composer.tried(app.interactions.use(each, component, values)),
      dismiss: (each) => this.composer.tried(app.rest.ask("DELETE", `/channels/${each.channel_id}/messages/${each.id}`)),
    });
  }

  /** Put a message in its place, new or changed. */
  #put(message) {
    const old = this.#element(message.id);
    const made = this.#made(message);
    if (old) this.#replace(old, made);
    else this.#insert(made, message);
    this.#regroup();
    this.read();
    if (this.following) this.#toEnd();
  }

  #replace(old, made) {
    const focused = old.contains(document.activeElement) ? document.activeElement.dataset.customId : null;
    const shown = [...old.querySelectorAll(".spoiler")].map((each) => each.classList.contains("shown"));
    old.replaceWith(made);
    if (focused) made.querySelector(`[data-custom-id="${CSS.escape(focused)}"]`)?.focus();
    made.querySelectorAll(".spoiler").forEach((each, number) => shown[number] && each.click());
    this.#speak(made);
  }

  #insert(made, message) {
    const next = [...this.list.children].find((each) => byId(each.dataset.id, message.id) > 0);
    this.list.insertBefore(made, next ?? null);
    this.typing.delete(message.author.id);
    this.#types(null);
    this.#speak(made);
  }

  /** Read out what others say; only once it is there, not each piece of it. */
  #speak(element) {
    const { id } = element.dataset;
    clearTimeout(this.speaking.get(id));
    this.speaking.set(id, setTimeout(() => {
      this.speaking.delete(id);
      const message = this.app.world.messages.get(this.channel?.id)?.get(id);
      if (!message || message.author.id === this.app.world.me.id || message.flags & LOADING) return;
      const privately = message.flags & EPHEMERAL ? "Only to you: " : "";
      announce(`${privately}${this.app.world.nameOf(message.author)}: ${plainText(message.content || "a picture")}`);
    }, SETTLED));
  }

  #remove(ids) {
    for (const id of ids) {
      const found = this.#element(id);
      if (found?.contains(document.activeElement)) this.composer.focus();
      found?.remove();
    }
    this.#regroup();
  }

  /** Let messages that follow each other closely share one head. */
  #regroup() {
    const { world } = this.app;
    let before = null;
    for (const element of this.list.children) {
      const message = world.messages.get(this.channel.id)?.get(element.dataset.id);
      if (!message) continue;
      const near = before && new Date(message.timestamp) - new Date(before.timestamp) < TOGETHER;
      element.classList.toggle("follows", Boolean(near && before.author.id === message.author.id && message.type === 0));
      before = message;
    }
  }

  async #loadOlder() {
    const { world, rest } = this.app;
    const oldest = world.loaded(this.channel.id)[0];
    const found = await rest.get(`/channels/${this.channel.id}/messages?limit=${PAGE}&before=${oldest.id}`);
    world.keep(this.channel.id, found);
    this.following = false;
    const height = this.log.scrollHeight;
    this.list.prepend(...found.reverse().map((each) => this.#made(each)));
    this.#begins(found.length < PAGE);
    this.#regroup();
    this.log.scrollTop += this.log.scrollHeight - height;
  }

  #types(data) {
    const { world } = this.app;
    if (data && data.user_id !== world.me.id) this.typing.set(data.user_id, Date.now() + TYPING_SECONDS * 1000);
    for (const [id, until] of this.typing) if (until <= Date.now()) this.typing.delete(id);
    const names = [...this.typing.keys()].map((id) => world.nameOf(world.users.get(id)));
    this.typists.textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing…` : "";
    clearTimeout(this.fading);
    if (names.length) this.fading = setTimeout(() => this.#types(null), TYPING_SECONDS * 1000);
  }

  #toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}
