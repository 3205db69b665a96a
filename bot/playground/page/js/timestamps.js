// Timestamps in local time.

import { el } from "./dom.js";

const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** Create a `time` element. Its title has the full date and time. */
export function timestamp(date, { short = false } = {}) {
  if (Number.isNaN(date.getTime())) return el("span", {}, "unknown time");
  const today = DAY.format(date) === DAY.format(new Date());
  const text = short || today ? HOUR.format(date) : `${DAY.format(date)} ${HOUR.format(date)}`;
  return el("time", { datetime: date.toISOString(), title: WHOLE.format(date) }, today && !short ? `Today at ${text}` : text);
}
