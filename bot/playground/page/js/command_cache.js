// The commands of a channel, looked up once for each time that somebody begins to write one.

/** Remembers them until it is told to forget. */
export class CommandCache {
  /** @param {() => Promise<Object[]>} load */
  constructor(load) {
    this.load = load;
    this.asked = null;
  }

  /** Return the commands; where they couldn't be had, the next time asks again. */
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
