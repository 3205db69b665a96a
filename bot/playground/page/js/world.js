// The client's cache: guild, channels, threads, users, roles, and the loaded messages.

export const TEXT = 0, DIRECT = 1, CATEGORY = 4, THREADS = new Set([11, 12]);

/** Compare two snowflakes. */
export function byId(one, other) {
  return one.length - other.length || (one < other ? -1 : one > other ? 1 : 0);
}

/** Updates the cache from gateway events, and notifies listeners: `on(news, callback)`. */
export class World {
  constructor(session, me) {
    this.session = session;
    this.me = me;
    this.origin = new URL(session.api).origin;
    this.guild = null;
    this.channels = new Map();
    this.users = new Map();
    this.members = new Map();
    this.roles = new Map();
    this.owner = null;
    this.messages = new Map();
    this.reached = new Map();
    /** The first unread message's id by channel. */
    this.unread = new Map();
    this.listeners = new Map();
  }

  /** Add a listener for `channels`, `message`, `gone` (deleted), `typing` or `fresh` (new session). */
  on(news, callback) {
    this.listeners.set(news, [...(this.listeners.get(news) ?? []), callback]);
  }

  emit(news, ...about) {
    for (const callback of this.listeners.get(news) ?? []) callback(...about);
  }

  /** Handle a gateway event. */
  handleEvent(event, data) {
    const take = EVENT_HANDLERS[event];
    if (take) take(this, data);
  }

  /** Return a user's display name. */
  nameOf(user) {
    return this.members.get(user?.id)?.nick || user?.global_name || user?.username || "somebody";
  }

  /** Return a channel's active threads, oldest first. */
  threadsOf(channelId) {
    return [...this.channels.values()]
      .filter((each) => each.parent_id === channelId && THREADS.has(each.type) && !each.thread_metadata?.archived)
      .sort((one, other) => byId(one.id, other.id));
  }

  /** Return the guild's text channels, sorted by position. */
  textChannels() {
    return [...this.channels.values()]
      .filter((each) => each.type === TEXT)
      .sort((one, other) => one.position - other.position || byId(one.id, other.id));
  }

  directChannels() {
    return [...this.channels.values()].filter((each) => each.type === DIRECT);
  }

  /** Return a channel's name, for a DM the other user's. */
  title(channel) {
    if (channel.type === DIRECT) return this.nameOf(channel.recipients?.[0]);
    return channel.name;
  }

  /** Return the URL of a file of this server with this page's origin, null for other URLs. */
  ownAddress(address) {
    try {
      const found = new URL(address);
      // The origin is prepended, since a path of "//elsewhere" alone would be another host's URL.
      return found.origin === this.origin ? location.origin + found.pathname + found.search : null;
    } catch {
      return null;
    }
  }

  /** Add messages to the cache. */
  keep(channelId, messages) {
    const kept = this.messages.get(channelId) ?? new Map();
    for (const message of messages) kept.set(message.id, message);
    this.messages.set(channelId, kept);
    for (const message of messages) this.meet(message.author, ...(message.mentions ?? []));
  }

  /** Remove a channel's messages, before they are loaded again. */
  forget(channelId) {
    this.messages.delete(channelId);
    this.reached.delete(channelId);
  }

  /**
   * Add loaded messages of a channel. Messages that events brought meanwhile are newer and stay.
   * @param {string} channelId
   * @param {Object[]} messages Newest first.
   * @param {boolean} whole Whether there are no older messages.
   */
  fill(channelId, messages, whole) {
    const kept = this.messages.get(channelId);
    this.keep(channelId, messages.filter((each) => !kept?.has(each.id)));
    if (whole) this.reached.delete(channelId);
    else this.reached.set(channelId, messages.at(-1).id);
    for (const each of this.loaded(channelId)) if (this.#isBeyond(each)) this.messages.get(channelId).delete(each.id);
  }

  /** Apply a changed message, unless it is older than all loaded ones, which would leave a gap. */
  change(message) {
    if (this.#isBeyond(message)) return false;
    this.keep(message.channel_id, [message]);
    return true;
  }

  #isBeyond(message) {
    const oldest = this.reached.get(message.channel_id);
    return oldest !== undefined && byId(message.id, oldest) < 0;
  }

  /** Return a channel's loaded messages, oldest first. */
  loaded(channelId) {
    return [...(this.messages.get(channelId)?.values() ?? [])].sort((one, other) => byId(one.id, other.id));
  }

  meet(...users) {
    for (const user of users) if (user) this.users.set(user.id, user);
  }
}

function setChannel(world, data) {
  world.channels.set(data.id, { ...world.channels.get(data.id), ...data });
  world.meet(...(data.recipients ?? []));
  world.emit("channels");
}

function dropChannel(world, data) {
  world.channels.delete(data.id);
  world.forget(data.id);
  world.emit("channels");
}

function setGuild(world, data) {
  world.guild = data;
  world.owner = data.owner_id;
  for (const channel of [...data.channels, ...data.threads]) world.channels.set(channel.id, channel);
  world.members.clear();
  world.roles.clear();
  for (const member of data.members) setMember(world, member);
  for (const role of data.roles) setRole(world, { role });
  world.emit("channels");
  world.emit("fresh");
}

function setMember(world, data) {
  world.members.set(data.user.id, data);
  world.meet(data.user);
}

function setRole(world, data) {
  world.roles.set(data.role.id, data.role);
}

function setMessage(world, data) {
  updateReferences(world, data.channel_id, data.id, data);
  const loaded = world.change(data);
  if (data.thread) setChannel(world, data.thread);
  if (loaded) world.emit("message", data);
}

/** Update the copies of a message in replies to it, and in the thread that began with it. `now` is null once it is deleted. */
function updateReferences(world, channelId, messageId, now) {
  const all = [...world.messages.values()].flatMap((each) => [...each.values()]);
  for (const each of all) {
    const target = each.message_reference;
    const refers = target?.message_id === messageId && target.channel_id === channelId && each.referenced_message !== undefined;
    if (refers) setMessage(world, { ...each, referenced_message: now });
  }
}

function newMessage(world, data) {
  if (!world.unread.has(data.channel_id)) world.unread.set(data.channel_id, data.id);
  setMessage(world, data);
  world.emit("channels");
}

function dropMessages(world, channelId, ids) {
  for (const id of ids) {
    world.messages.get(channelId)?.delete(id);
    updateReferences(world, channelId, id, null);
  }
  world.emit("gone", channelId, ids);
}

function reacted(world, data, by) {
  const message = world.messages.get(data.channel_id)?.get(data.message_id);
  if (!message) return;
  const reactions = message.reactions ?? [];
  const same = (each) => each.emoji.name === data.emoji.name && each.emoji.id === data.emoji.id;
  const known = reactions.find(same) ?? { emoji: data.emoji, count: 0 };
  const others = reactions.filter((each) => !same(each));
  const counted = { ...known, count: known.count + by };
  setMessage(world, { ...message, reactions: counted.count > 0 ? [...others, counted] : others });
}

/** The handler of each gateway event. */
const EVENT_HANDLERS = {
  READY: (world, data) => data.private_channels.forEach((each) => setChannel(world, each)),
  GUILD_CREATE: setGuild,
  GUILD_MEMBER_ADD: setMember,
  GUILD_MEMBER_UPDATE: setMember,
  GUILD_MEMBER_REMOVE: (world, data) => world.members.delete(data.user.id),
  GUILD_ROLE_CREATE: setRole,
  GUILD_ROLE_UPDATE: setRole,
  GUILD_ROLE_DELETE: (world, data) => world.roles.delete(data.role_id),
  CHANNEL_CREATE: setChannel,
  CHANNEL_UPDATE: setChannel,
  CHANNEL_DELETE: dropChannel,
  THREAD_CREATE: setChannel,
  THREAD_UPDATE: setChannel,
  THREAD_DELETE: dropChannel,
  MESSAGE_CREATE: newMessage,
  MESSAGE_UPDATE: setMessage,
  MESSAGE_DELETE: (world, data) => dropMessages(world, data.channel_id, [data.id]),
  MESSAGE_DELETE_BULK: (world, data) => dropMessages(world, data.channel_id, data.ids),
  MESSAGE_REACTION_ADD: (world, data) => reacted(world, data, 1),
  MESSAGE_REACTION_REMOVE: (world, data) => reacted(world, data, -1),
  TYPING_START: (world, data) => world.emit("typing", data),
};
