// The pane of a channel or thread: messages, typing indicator, composer.

import { button, el, isVisible } from "./dom.js";
import { Composer } from "./composer.js";
import { icon } from "./icons.js";
import { isOwn } from "./message.js";
import { moveBetweenMessages } from "./message_focus.js";
import { MessageList } from "./message_list.js";
import { NewMessages } from "./new_messages.js";
import { MessageAnnouncer } from "./screen_reader.js";
import { TypingIndicator } from "./typing_indicator.js";
import { byId, DIRECT, THREADS } from "./world.js";

const PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 100, MAX_PAGES = 10;
const END_DISTANCE_PX = 120;

/** Shows one channel at a time. */
export class Pane {
  /**
   * @param {HTMLElement} place
   * @param {Object} app `world`, `rest`, `interactions`, and the actions `openThread`, `jump`, `more`.
   * @param {{closed?: () => void}} more `closed` is called by the close button, which is there only with it.
   */
  constructor(place, app, { closed = null } = {}) {
    this.place = place;
    this.app = app;
    this.closed = closed;
    this.channel = null;
    this.typing = new TypingIndicator(app.world);
    this.announcer = new MessageAnnouncer(app.world);
    this.gone = new Set();
    this.round = 0;
    this.filled = false;
    this.failed = false;
    this.loading = null;
    this.#build();
    app.world.on("message", (message) => message.channel_id === this.channel?.id && this.#insert(message));
    app.world.on("gone", (channelId, ids) => channelId === this.channel?.id && this.#remove(ids));
    app.world.on("typing", (data) => data.channel_id === this.channel?.id && this.typing.add(data.user_id));
    app.world.on("channels", () => this.channel && this.#title());
    app.world.on("fresh", () => this.channel && this.#reload());
  }

  #build() {
    this.heading = el("h2", { tabindex: "-1" });
    this.older = button("Show older messages", { class: "older", hidden: true, onclick: () => this.#loadOlder() });
    this.again = button("Try again", { class: "older", hidden: true, onclick: () => this.#retry() });
    this.list = new MessageList(this.app, this);
    this.topic = el("p", { class: "muted topic" });
    this.welcome = el("div", { class: "welcome" });
    this.log = el("div", { class: "log", role: "log", tabindex: "0", "aria-label": "Messages", "aria-live": "off",
      "aria-keyshortcuts": "ArrowUp ArrowDown", onkeydown: (event) => moveBetweenMessages(event, this.log, this.list.elements()) },
    this.older, this.again, this.welcome, this.list.element);
    this.news = new NewMessages(this.log, this.list, () => this.#toEnd());
    this.composer = new Composer(this.app, () => this.channel, () => this.list.editLast());
    this.place.replaceChildren(
      el("header", { class: "pane-head" }, this.heading, this.topic,
        this.closed ? button(icon("close"), { class: "icon", "aria-label": "Close the thread", onclick: this.closed }) : null),
      this.log, this.news.element, this.typing.element, this.composer.element);
    // Neither images that load later nor a composer that grows may scroll the newest message out of view.
    const resized = new ResizeObserver(() => this.#keepPlace());
    for (const each of [this.list.element, this.log]) resized.observe(each);
    this.log.addEventListener("scroll", () => {
      this.following = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < END_DISTANCE_PX;
      this.news.update(this.following);
    });
  }

  /** Show a channel and load its newest messages. A channel that failed to load is loaded again. */
  show(channelId) {
    if (this.channel?.id === channelId && !this.failed) return this.loading;
    this.#empty();
    this.channel = this.app.world.channels.get(channelId);
    this.place.hidden = false;
    this.#title();
    this.composer.refresh();
    this.composer.showError("");
    this.loading = this.#load();
    return this.loading;
  }

  #retry() {
    this.enter();
    return this.show(this.channel.id);
  }

  /** Hide the pane. */
  hide() {
    this.#empty();
    this.channel = null;
    this.place.hidden = true;
  }

  /** Reload the messages after a new gateway session, which may have missed events. The draft stays. */
  #reload() {
    this.loading = this.#load();
  }

  #empty() {
    this.round += 1;
    this.filled = false;
    this.following = true;
    this.list.clear();
    this.news.clear();
    this.older.hidden = this.welcome.hidden = this.again.hidden = true;
    this.typing.clear();
    this.announcer.clear();
  }

  /** Load the newest messages. */
  async #load() {
    const { world, rest } = this.app;
    const { id } = this.channel;
    const unread = world.unread.get(id);
    this.round += 1;
    const { round } = this;
    if (this.failed) this.composer.showError("");
    this.failed = false;
    this.again.hidden = true;
    this.gone.clear();
    world.forget(id);
    const messages = await rest.get(`/channels/${id}/messages?limit=${PAGE_SIZE}`).catch((error) => error);
    if (round !== this.round) return;
    if (messages instanceof Error) return this.#fail(messages);
    world.fill(id, messages.filter((each) => !this.gone.has(each.id)), messages.length < PAGE_SIZE);
    this.#begins(messages.length < PAGE_SIZE);
    this.#fill(world.loaded(id));
    this.#keepPlace();
    if (unread) this.#showUnread(unread);
    this.read();
  }

  /** Draw the line above the first unread message, and scroll back to it where not all of them are in sight. */
  #showUnread(firstId) {
    const { world } = this.app;
    for (const each of world.loaded(this.channel.id)) if (byId(each.id, firstId) >= 0 && !isOwn(each, world.me)) this.news.add(each.id);
    this.list.arrange();
    if (this.news.show()) this.following = false;
    this.news.update(this.following);
  }

  #fail(error) {
    this.failed = true;
    this.again.hidden = false;
    this.composer.showError(`The messages couldn't be loaded: ${error.message}`);
  }

  /** Render the given messages and no others. Only messages that are new since the first load are announced. */
  #fill(messages) {
    const wanted = new Set(messages.map((each) => each.id));
    this.#remove(this.list.elements().map((each) => each.dataset.id).filter((id) => !wanted.has(id)));
    for (const message of messages) {
      if (this.filled) this.#show(message);
      else {
        this.list.render(message);
        this.announcer.know(message);
      }
    }
    this.filled = true;
    this.list.arrange();
  }

  /** Focus the message box, or on touch screens another element, by default the heading, so that no on-screen keyboard opens. */
  enter(other = this.heading) {
    if (matchMedia("(max-width: 700px), (hover: none)").matches) other.focus();
    else this.composer.focus();
  }

  read() {
    if (this.channel && this.app.world.unread.delete(this.channel.id)) this.app.world.emit("channels");
  }

  /** Scroll to a message, focus and highlight it. */
  async point(messageId) {
    const found = this.list.find(messageId) ?? (await this.#reach(messageId));
    if (!found) return;
    this.following = false;
    found.scrollIntoView({ block: "center" });
    found.focus({ preventScroll: true });
    found.classList.add("pointed");
    setTimeout(() => found.classList.remove("pointed"), 2000);
  }

  /** Load older messages until the message is loaded. Returns its element, or shows an error. */
  async #reach(messageId) {
    const { world } = this.app;
    const { id } = this.channel;
    await this.loading;
    const isAbove = () => !this.older.hidden && byId(messageId, world.loaded(id)[0]?.id ?? messageId) < 0;
    for (let pages = 0; pages < MAX_PAGES && isAbove(); pages += 1) {
      if (!(await this.#loadOlder(MAX_PAGE_SIZE))) return null;
    }
    if (this.channel?.id !== id) return null;
    const found = this.list.find(messageId);
    if (!found) this.composer.showError(isAbove() ? "That message is further up: show older messages first." : "That message was deleted.");
    return found;
  }

  #title() {
    const { world } = this.app;
    this.channel = world.channels.get(this.channel.id) ?? this.channel;
    const title = world.title(this.channel);
    const isThread = THREADS.has(this.channel.type);
    const sign = this.channel.type === DIRECT ? "@" : "# ";
    this.heading.replaceChildren(...(isThread ? [icon("thread"), ` ${title}`] : [`${sign}${title}`]));
    this.topic.textContent = this.channel.topic ?? "";
    this.place.setAttribute("aria-label", `${isThread ? "Thread" : "Channel"} ${title}`);
    this.composer.name(`Message ${isThread ? `“${title}”` : sign + title}`);
    this.#welcome();
  }

  /** Show the button for older messages, or else the channel's welcome text. */
  #begins(whole) {
    this.older.hidden = whole;
    this.welcome.hidden = !whole || THREADS.has(this.channel.type);
  }

  #welcome() {
    const { type, topic } = this.channel;
    const title = this.app.world.title(this.channel);
    this.welcome.replaceChildren(
      el("p", { class: "welcome-title" }, type === DIRECT ? `You and ${title}` : `Welcome to #${title}`),
      el("p", {}, type === DIRECT ? "Nobody else reads this. Post a picture, or reply to an answer." : topic ?? ""),
      el("p", { class: "muted" }, "Drop or paste pictures here, or take some of the Scenes. Type / for the bot's commands."));
  }

  /** Render a message of an event. */
  #insert(message) {
    this.#show(message);
    this.list.arrange();
    this.read();
    this.#keepPlace();
  }

  /** Render and announce a new or changed message. A user's own leads to the end, others' out of sight are marked as new. */
  #show(message) {
    if (!this.list.find(message.id)) {
      this.typing.remove(message.author.id);
      if (isOwn(message, this.app.world.me)) {
        this.news.clear();
        this.following = true;
      } else if (!this.following || document.hidden || !isVisible(this.place)) this.news.add(message.id);
    }
    this.list.render(message);
    this.announcer.read(message);
  }

  #remove(ids) {
    for (const id of ids) this.gone.add(id);
    this.list.remove(ids);
    this.news.update(this.following);
  }

  /** Load messages before the oldest. Returns whether they were rendered. */
  async #loadOlder(limit = PAGE_SIZE) {
    const { world, rest } = this.app;
    const { round, channel: { id } } = this;
    const [oldest] = world.loaded(id);
    if (!oldest) return false;
    const found = await this.composer.reportErrors(rest.get(`/channels/${id}/messages?limit=${limit}&before=${oldest.id}`));
    // Another channel may be shown by now, or this one was reloaded.
    if (!found || round !== this.round) return false;
    this.following = false;
    const pressed = document.activeElement === this.older;
    const height = this.log.scrollHeight;
    world.fill(id, found, found.length < limit);
    for (const message of found) {
      this.list.render(message);
      this.announcer.know(message);
    }
    this.#begins(found.length < limit);
    this.list.arrange();
    if (pressed && this.older.hidden) this.list.elements()[0].focus({ preventScroll: true });
    this.log.scrollTop += this.log.scrollHeight - height;
    return true;
  }

  /** Stay at the end, where the user is there, or show what came below. */
  #keepPlace() {
    if (this.following) this.#toEnd();
    this.news.update(this.following);
  }

  #toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }
}
