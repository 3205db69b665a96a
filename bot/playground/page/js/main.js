// Start of the page: the session, routing by the URL's hash, and the panes.

import { renderChannelList } from "./channel_list.js";
import { ConnectionStatus } from "./connection_status.js";
import { announce, el, isVisible } from "./dom.js";
import { Gateway } from "./gateway.js";
import { Inspector } from "./inspector.js";
import { Interactions, MESSAGE_MENU } from "./interactions.js";
import { plainText } from "./markdown.js";
import { openMenu } from "./context_menu.js";
import { isEditable } from "./message.js";
import { openModal } from "./modal.js";
import { Pane } from "./pane.js";
import { Rest } from "./rest.js";
import { takeFiles } from "./upload_tray.js";
import { THREADS, World } from "./world.js";

const TINY = ["Models: tiny. These small models know coloured shapes only; ", el("code", {}, "make models"), " fetches real ones."];

const place = (id) => document.getElementById(id);

async function start() {
  const session = await (await fetch("/playground/session")).json();
  const chosen = sessionStorage.getItem("member");
  const user = session.users.find((each) => each.id === chosen) ?? session.users[0];
  const rest = new Rest(user.token);
  const me = await rest.get("/users/@me");
  const world = new World(session, me);
  world.meet(me);
  const admin = session.users[0].id === user.id ? null : new Rest(session.users[0].token);
  const interactions = new Interactions(world, rest, admin, (modal) => openModal(modal, {
    world, jump: app.jump, submit: (components, files) => interactions.submit(modal, components, files),
    closed: () => (panes.find((each) => each.channel?.id === modal.channel_id) ?? channel).enter(),
  }));
  const app = { world, rest, interactions, more, jump, openThread: (id) => open(world.channels.get(id)?.parent_id, id) };
  const channel = new Pane(place("channel"), app);
  const thread = new Pane(place("thread"), app, { closed: () => open(channel.channel.id) });
  const panes = [channel, thread];
  let opener = null;
  for (const pane of panes) takeFiles(pane.place, (files) => pane.composer.take(files));
  takeFiles(document.documentElement, (files) => inUse().composer.take(files));

  /** Return the pane with the focus, or else the first visible one. */
  function inUse() {
    const seen = panes.filter((each) => isVisible(each.place));
    return seen.find((each) => each.place.contains(document.activeElement)) ?? seen[0] ?? channel;
  }

  function open(channelId, threadId = null) {
    location.hash = addressOf(channelId, threadId);
  }

  async function route() {
    if (!world.guild) return;
    const [wanted, wantedThread = null] = location.hash.replace(/^#\//, "").split("/");
    if (wanted === "dm") return openDirect();
    const named = world.channels.get(wanted);
    if (THREADS.has(named?.type)) return location.replace(addressOf(named.parent_id, wanted));
    const home = named ? wanted : session.channel_id ?? world.textChannels()[0]?.id;
    const inside = THREADS.has(world.channels.get(wantedThread)?.type) ? wantedThread : null;
    const before = shownNow();
    const loaded = [channel.show(home), inside === null ? thread.hide() : thread.show(inside)];
    document.body.classList.toggle("with-thread", inside !== null);
    setDrawer();
    draw();
    if (before.channel !== null) moveFocus(before, inside);
    await Promise.all(loaded);
    return undefined;
  }

  /** Return the open channel and thread, and where the focus is. */
  function shownNow() {
    return {
      channel: channel.channel?.id ?? null, thread: thread.channel?.id ?? null, drawer: drawerIsOpen(),
      message: document.activeElement.closest(".message")?.id ?? null, inThread: thread.place.contains(document.activeElement),
    };
  }

  /** Move the focus into a thread that opens, and back to the message that it was opened from. */
  function moveFocus(before, inside) {
    const lost = document.activeElement === document.body || !isVisible(document.activeElement);
    if (inside !== null && inside !== before.thread) {
      opener = before.message;
      thread.enter();
    } else if (inside === null && before.thread !== null && (before.inThread || lost)) leaveThread();
    else if (lost && (before.drawer || before.channel !== channel.channel.id)) inUse().enter();
  }

  function leaveThread() {
    const message = opener && document.getElementById(opener);
    if (message) (message.querySelector(".thread-link") ?? message).focus();
    else channel.enter();
  }

  async function openDirect() {
    const made = await channel.composer.reportErrors(rest.request("POST", "/users/@me/channels", { recipient_id: session.bot_user_id }));
    if (!made) return;
    // The gateway event may arrive later than this answer.
    world.handleEvent("CHANNEL_CREATE", made);
    location.replace(addressOf(made.id));
  }

  async function jump(channelId, messageId) {
    const target = world.channels.get(channelId);
    const beside = channel.channel?.id === channelId && isVisible(channel.place) ? thread.channel?.id : null;
    if (THREADS.has(target?.type)) open(target.parent_id, channelId);
    else open(channelId, beside);
    await route();
    await panes.find((each) => each.channel?.id === channelId)?.point(messageId);
  }

  async function more(event, message, pane) {
    // The browser's own menu, as in a text box.
    if (event.shiftKey || event.target.closest("textarea")) return;
    event.preventDefault();
    const { currentTarget, clientX, clientY, type, target } = event;
    const where = { preventDefault() {}, currentTarget, clientX, clientY, type, target };
    const commands = (await pane.composer.reportErrors(interactions.commands(pane.channel))) ?? [];
    openMenu(where, itemsOf(message, pane, commands.filter((each) => each.type === MESSAGE_MENU)), pane.place);
  }

  function itemsOf(message, pane, menus) {
    const mine = message.author.id === me.id || me.id === world.owner;
    const inServer = pane.channel.guild_id && !THREADS.has(pane.channel.type);
    return [
      { label: "Reply", act: () => pane.composer.replyTo(message) },
      inServer && !message.thread ? { label: "Open a thread", act: () => openThreadAt(message, pane) } : null,
      isEditable(message, me) ? { label: "Edit message", act: () => pane.list.edit(message) } : null,
      message.thread ? { label: "Go to the thread", act: () => app.openThread(message.thread.id) } : null,
      ...menus.map((each) => ({ label: each.name, group: "Apps", act: () => pane.composer.reportErrors(interactions.call(pane.channel, each, [], [], { target: message.id })) })),
      mine ? { label: "Delete message", group: "Message", danger: true, act: () => pane.composer.reportErrors(rest.request("DELETE", `/channels/${message.channel_id}/messages/${message.id}`)) } : null,
    ].filter(Boolean);
  }

  async function openThreadAt(message, pane) {
    const name = (plainText(message.content, world) || "About this picture").slice(0, 60);
    const made = await pane.composer.reportErrors(rest.request("POST", `/channels/${message.channel_id}/messages/${message.id}/threads`, { name }));
    if (!made) return;
    world.channels.set(made.id, made);
    open(message.channel_id, made.id);
  }

  const draw = () => renderChannelList(place("channels"), world, { channel: channel.channel?.id ?? null, thread: thread.channel?.id ?? null });
  world.on("channels", draw);
  world.on("channels", () => {
    if (thread.channel && !world.channels.has(thread.channel.id)) open(channel.channel.id);
  });
  world.on("fresh", route);
  addEventListener("hashchange", route);

  chooseMember(session, user);
  showModels(session);
  new Inspector(place("inspector"), place("fold-inspector"));
  place("skip").addEventListener("click", (event) => {
    event.preventDefault();
    inUse().composer.focus();
  });
  // A link to the open channel causes no hashchange: it may have to be loaded again, or the drawer closed.
  place("channels").addEventListener("click", (event) => event.target.closest("a")?.hash === location.hash && route());
  setUpDrawer();

  const line = new ConnectionStatus(place("connection"));
  line.watch();
  const gateway = new Gateway(user.token, {
    heard: (event, data) => {
      if (event === "READY") interactions.sessionId = data.session_id;
      interactions.handleEvent(event, data);
      world.handleEvent(event, data);
    },
    changed: (connected) => line.change(connected),
    unknown: () => line.replace(),
  });
  gateway.connect();
}

function addressOf(channelId, threadId = null) {
  return threadId ? `#/${channelId}/${threadId}` : `#/${channelId}`;
}

function drawerIsOpen() {
  return document.body.classList.contains("with-channels");
}

/** Open and close the channel list as a drawer on narrow screens. Escape and a tap outside close it. */
function setUpDrawer() {
  place("open-channels").addEventListener("click", () => setDrawer(!drawerIsOpen()));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drawerIsOpen()) return;
    setDrawer();
    place("open-channels").focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (drawerIsOpen() && !event.target.closest("#channels, #open-channels")) setDrawer();
  });
}

function setDrawer(open = false) {
  document.body.classList.toggle("with-channels", open);
  place("open-channels").setAttribute("aria-expanded", String(open));
}

/** Set up the menu that switches to another user and reloads the page. */
function chooseMember(session, user) {
  const menu = place("member");
  const roles = ["admin", "member"];
  menu.append(...session.users.map((each, number) => el("option", { value: each.id, selected: each.id === user.id },
    `${each.name[0].toUpperCase()}${each.name.slice(1)} (${roles[Math.min(number, 1)]})`)));
  menu.addEventListener("change", () => {
    sessionStorage.setItem("member", menu.value);
    sessionStorage.setItem("switched", "yes");
    location.reload();
  });
  if (sessionStorage.getItem("switched")) {
    sessionStorage.removeItem("switched");
    menu.focus();
    announce(`You are ${menu.selectedOptions[0].textContent} now`);
  }
}

function showModels(session) {
  const lines = { tiny: TINY, "": ["Which models answer, only the worker knows."] };
  place("models").replaceChildren(...(lines[session.models] ?? [`Models: ${session.models}`]));
}

start().catch((error) => {
  place("connection").textContent = `This page couldn't start: ${error.message}`;
});
