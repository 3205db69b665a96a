// Drafts of the channels that aren't shown.

const NOTHING = { text: "", entries: [], answered: null };

/** Drafts by channel: text, tray entries, and the message to reply to. */
export class Drafts {
  constructor() {
    this.kept = new Map();
  }

  /** Store a channel's draft, unless it is empty. */
  keep(channelId, draft) {
    if (draft.text || draft.entries.length || draft.answered) this.kept.set(channelId, draft);
  }

  /** Return a channel's draft and remove it. */
  take(channelId) {
    const draft = this.kept.get(channelId) ?? NOTHING;
    this.kept.delete(channelId);
    return draft;
  }

  /** Make drafts that are replies to deleted messages no replies. */
  forgetAnswered(ids) {
    for (const [channelId, draft] of this.kept) if (ids.includes(draft.answered?.id)) this.kept.set(channelId, { ...draft, answered: null });
  }

  /** Insert a draft that couldn't be posted before the channel's draft. */
  putBack(channelId, draft) {
    const since = this.take(channelId);
    this.keep(channelId, {
      text: [draft.text, since.text].filter(Boolean).join("\n"),
      entries: [...draft.entries, ...since.entries],
      answered: since.answered ?? draft.answered,
    });
  }
}
