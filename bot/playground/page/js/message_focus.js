// The focus among messages: from one to the next with the arrow keys, and kept where it is when one is drawn anew.

/** Go from message to message with the arrow keys: from the log to those in sight, from a message to its neighbour. */
export function moveBetweenMessages(event, log, list) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const fromLog = event.target === log;
  if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !(fromLog || event.target.matches(".message"))) return;
  const all = [...list.children];
  const next = fromLog ? inSight(log, all).at(by < 0 ? -1 : 0) : all[all.indexOf(event.target) + by];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function inSight(log, all) {
  const { top, bottom } = log.getBoundingClientRect();
  return all.filter((each) => {
    const place = each.getBoundingClientRect();
    return place.bottom > top && place.top < bottom;
  });
}

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

/**
 * Describe an element of a message, to find it again when the message is drawn anew.
 * @returns {(made: HTMLElement) => HTMLElement} Returns it; where it is gone, the message: another button in its place
 *   would be pressed unawares.
 */
export function findSameElement(message, element) {
  const nameOf = (each) => each.dataset.customId ?? `${each.tagName} ${each.getAttribute("aria-label") ?? each.textContent}`;
  const name = nameOf(element);
  const same = (within) => [...within.querySelectorAll(FOCUSABLE)].filter((each) => nameOf(each) === name);
  const number = same(message).indexOf(element);
  return (made) => (number < 0 ? made : same(made)[number] ?? made);
}
