// What was begun in each channel, while another is shown.

const NOTHING = { text: "", entries: [], answered: null };

/** Drafts: a text, the tray's entries, and the message that is answered. */
export class Drafts {
  constructor() {
    this.kept = new Map();
  }

  /** Keep a channel's draft. */
  keep(channelId, draft) {
    if (draft.text || draft.entries.length || draft.answered) this.kept.set(channelId, draft);
  }

  /** Hand a channel's draft over. */
  take(channelId) {
    const draft = this.kept.get(channelId) ?? NOTHING;
    this.kept.delete(channelId);
    return draft;
  }

  /** Put back what wasn't posted, before what was written since. */
  putBack(channelId, draft) {
    const since = this.take(channelId);
    this.keep(channelId, {
      text: [draft.text, since.text].filter(Boolean).join("\n"),
      entries: [...draft.entries, ...since.entries],
      answered: since.answered ?? draft.answered,
    });
  }
}
