// Mentions by name: what can be mentioned in a channel, and the conversion between names and Discord's marks.

import { byId } from "./world.js";

const MENTION_EVERYONE = 1n << 17n, ADMINISTRATOR = 1n << 3n;
const CODE = /(```[\s\S]*?```|`[^`\n]+`)/;

/**
 * Return the members and roles that this user can mention in a channel.
 * @returns {Array<{text: string, mark: string, names: string[], hint: string}>} `text` is what stands for the mention
 *   while it is being written, different for each; `mark` is what Discord gets; it is found by its `names`.
 */
export function mentionable(world, channel) {
  const found = channel.guild_id ? [...members(world), ...roles(world)] : [...(channel.recipients ?? []), world.me].map((each) => member(world, each));
  const taken = new Set(["@everyone", "@here"]);
  for (const each of found) {
    each.text = each.names.map((name) => `@${name}`).find((text) => !taken.has(text.toLowerCase())) ?? each.mark;
    taken.add(each.text.toLowerCase());
  }
  return [...found, ...(channel.guild_id && mayMentionEveryone(world) ? EVERYONE : [])];
}

const EVERYONE = [["everyone", "All members who can see this channel"], ["here", "All of them who are online"]]
  .map(([name, hint]) => ({ text: `@${name}`, mark: `@${name}`, names: [name], hint }));

function members(world) {
  return [...world.members.values()].map((each) => each.user).sort((one, other) => byId(one.id, other.id)).map((each) => member(world, each));
}

function member(world, user) {
  const names = [world.nameOf(user), user.global_name, user.username].filter(Boolean);
  return { mark: `<@${user.id}>`, names: [...new Set(names)], hint: user.username };
}

/** Return the roles that can be mentioned: by most members only those that are made for it. */
function roles(world) {
  const all = mayMentionEveryone(world);
  return [...world.roles.values()].filter((each) => each.id !== world.guild.id && (all || each.mentionable))
    .map((each) => ({ mark: `<@&${each.id}>`, names: [each.name, `${each.name} (role)`], hint: "role" }));
}

function mayMentionEveryone(world) {
  const own = world.members.get(world.me.id)?.roles ?? [];
  const bits = [world.guild.id, ...own].reduce((sum, id) => sum | BigInt(world.roles.get(id)?.permissions ?? 0), 0n);
  return world.me.id === world.owner || Boolean(bits & (MENTION_EVERYONE | ADMINISTRATOR));
}

/** Return the mentions that one of whose names, or a word of it, begins with a text. Names themselves come first. */
export function matching(all, text) {
  const wanted = text.toLowerCase();
  const rank = (each) => Math.min(...each.names.map((name) => rankOf(name.toLowerCase(), wanted)));
  return all.filter((each) => rank(each) < Infinity).sort((one, other) => rank(one) - rank(other));
}

function rankOf(name, wanted) {
  if (name.startsWith(wanted)) return 0;
  return name.split(/[\s_.-]+/).some((word) => word.startsWith(wanted)) ? 1 : Infinity;
}

/** Replace names by marks, as Discord's clients do when a text is sent: whole names after "@", outside of code. */
export function toMarks(text, all) {
  const marks = new Map();
  for (const each of all) for (const name of each.names) if (!marks.has(name.toLowerCase())) marks.set(name.toLowerCase(), each.mark);
  // A text is one mention's alone, also where it is another's name.
  for (const each of all) marks.set(each.text.slice(1).toLowerCase(), each.mark);
  const names = [...marks.keys()].sort((one, other) => other.length - one.length).map((each) => each.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  if (!names.length) return text;
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_@\\\\])@(${names.join("|")})(?![\\p{L}\\p{N}_])`, "giu");
  return outsideCode(text, (part) => part.replace(pattern, (_, name) => marks.get(name.toLowerCase())));
}

/** Replace marks by names, to edit a message. */
export function toNames(text, all) {
  const texts = new Map(all.map((each) => [each.mark, each.text]));
  return outsideCode(text, (part) => part.replace(/<@!?(&?\d{5,20})>/g, (mark, id) => texts.get(`<@${id}>`) ?? mark));
}

function outsideCode(text, convert) {
  return text.split(CODE).map((part, number) => (number % 2 ? part : convert(part))).join("");
}
