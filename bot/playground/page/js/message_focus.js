// Keyboard focus in the message list: arrow keys, and the focus of a message that is rendered again.

/** Move the focus with the arrow keys: from the log to a visible message, from a message to the next one. */
export function moveBetweenMessages(event, log, all) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const fromLog = event.target === log;
  if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !(fromLog || event.target.matches(".message"))) return;
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
* Return a function that finds an element of a message again after the message was rendered again.
 * @returns {(made: HTMLElement) => HTMLElement} Returns the element, or the message where it is gone: the focus on
 *   another button in its place could press that one by mistake.
 */
export function findSameElement(message, element) {
  const nameOf = (each) => each.dataset.customId ?? `${each.tagName} ${each.getAttribute("aria-label") ?? each.textContent}`;
  const name = nameOf(element);
  const same = (within) => [...within.querySelectorAll(FOCUSABLE)].filter((each) => nameOf(each) === name);
  const number = same(message).indexOf(element);
  return (made) => (number < 0 ? made : same(made)[number] ?? made);
}
