// Interactions of this user: commands, autocomplete, components and modals.

import { ApiError } from "./rest.js";

const COMMAND = 2, COMPONENT = 3, AUTOCOMPLETE = 4, MODAL_SUBMIT = 5;
export const SUBCOMMAND = 1, GROUP = 2, STRING = 3, ATTACHMENT = 11;
export const CHAT = 1, MESSAGE_MENU = 3;
const AUTOCOMPLETE_SECONDS = 3;

/** Sends interactions, and waits for the gateway event with their outcome, by nonce. */
export class Interactions {
  /**
   * @param {Object} world
   * @param {Object} rest The user's.
   * @param {Object|null} adminRest An admin's, to find commands that are hidden from the user.
   * @param {(modal: Object) => void} openModal
   */
  constructor(world, rest, adminRest, openModal) {
    this.world = world;
    this.rest = rest;
    this.adminRest = adminRest;
    this.openModal = openModal;
    this.waiting = new Map();
    this.count = 0;
  }

  /** Handle a gateway event. */
  handleEvent(event, data) {
    const waits = this.waiting.get(data?.nonce);
    // Events about interactions of the user's other tabs have other nonces.
    if (!waits) return;
    if (event === "INTERACTION_MODAL_CREATE") this.openModal(data);
    if (event === "INTERACTION_SUCCESS" || event === "INTERACTION_MODAL_CREATE") waits.resolve(data);
    if (event === "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE") waits.resolve(data.choices);
    if (event === "INTERACTION_FAILURE") waits.reject(new ApiError("The application did not respond. Is the bot running? The inspector shows what it was told."));
  }

  /**
   * List the commands of a channel.
   * @returns {Promise<Object[]>} Those with `hidden` are visible to admins only.
   */
  async commands(channel) {
    const path = channel.guild_id ? `/guilds/${channel.guild_id}/application-command-index` : `/channels/${channel.id}/application-command-index`;
    const shown = (await this.rest.get(path)).application_commands;
    if (!channel.guild_id || !this.adminRest) return shown;
    const known = new Set(shown.map((each) => each.id));
    const all = (await this.adminRest.get(path)).application_commands;
    return [...shown, ...all.filter((each) => !known.has(each.id)).map((each) => ({ ...each, hidden: true }))];
  }

  /** Call a command. */
  call(channel, command, options, files, { target = null, progress = null } = {}) {
    return this.#send(COMMAND, channel, callOf(command, options, files, target), {}, files, progress);
  }

  /** Request autocomplete choices. */
  complete(channel, command, options) {
    return this.#send(AUTOCOMPLETE, channel, callOf(command, options, [], null), {}, [], null, AUTOCOMPLETE_SECONDS);
  }

  /** Use a button or a select. */
  use(message, component, values) {
    const data = { component_type: component.type, custom_id: component.custom_id, ...(values ? { values } : {}) };
    const channel = this.world.channels.get(message.channel_id);
    return this.#send(COMPONENT, channel, data, { message_id: message.id, message_flags: message.flags });
  }

  /** Submit a modal. */
  submit(modal, components, files, progress) {
    const data = { id: modal.id, custom_id: modal.custom_id, components, attachments: named(files) };
    return this.#send(MODAL_SUBMIT, this.world.channels.get(modal.channel_id), data, {}, files, progress);
  }

  async #send(type, channel, data, more = {}, files = [], progress = null, seconds = 10) {
    this.count += 1;
    const nonce = `${Date.now()}${this.count}`;
    const body = {
      type, nonce, data, ...more, session_id: this.sessionId ?? "1", channel_id: channel.id,
      application_id: this.world.session.application_id, ...(channel.guild_id ? { guild_id: channel.guild_id } : {}),
    };
    const outcome = this.#outcome(nonce);
    try {
      await this.rest.request("POST", "/interactions", body, { files, progress });
      outcome.timer = setTimeout(() => outcome.reject(new ApiError("There was no response in time. Try again.")), seconds * 1000);
      return await outcome.promise;
    } finally {
      clearTimeout(outcome.timer);
      this.waiting.delete(nonce);
    }
  }

  #outcome(nonce) {
    const outcome = {};
    outcome.promise = new Promise((resolve, reject) => Object.assign(outcome, { resolve, reject }));
    // The request may fail before this promise is awaited.
    outcome.promise.catch(() => {});
    this.waiting.set(nonce, outcome);
    return outcome;
  }
}

function callOf(command, options, files, target) {
  return {
    id: command.id, version: command.version, name: command.name, type: command.type, options,
    attachments: named(files), ...(target ? { target_id: target } : {}),
  };
}

/** Return the `attachments` of a request with files. */
export function named(files) {
  return files.map((file, number) => ({ id: String(number), filename: file.name }));
}

/** Return what can be called: the command itself, or each of its subcommands. */
export function callable(command, above = []) {
  const below = (command.options ?? []).filter((each) => each.type === SUBCOMMAND || each.type === GROUP);
  if (above.length && command.type === SUBCOMMAND || !below.length) return [{ path: [...above, command], options: command.options ?? [] }];
  return below.flatMap((each) => callable(each, [...above, command]));
}
