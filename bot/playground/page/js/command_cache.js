// Cache of a channel's command index: one request while a command is being typed.

/** Caches the commands until `forget` is called. */
export class CommandCache {
  /** @param {() => Promise<Object[]>} load */
  constructor(load) {
    this.load = load;
    this.asked = null;
  }

  /** Return the commands. After a failed request the next call sends another. */
  async get() {
    const asked = (this.asked ??= this.load());
    try {
      return await asked;
    } catch (error) {
      if (this.asked === asked) this.asked = null;
      throw error;
    }
  }

  forget() {
    this.asked = null;
  }
}
