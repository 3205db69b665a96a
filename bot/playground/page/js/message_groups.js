// Group consecutive messages of one author under one header.

const GROUP_WITHIN_MS = 7 * 60 * 1000;

/** Mark the messages that continue the group of the message before. */
export function groupMessages(list, messages) {
  let before = null;
  for (const element of list.children) {
    const message = messages?.get(element.dataset.id);
    if (!message) {
      // The line above new messages: below it a group begins.
      before = null;
      continue;
    }
    const near = before && new Date(message.timestamp) - new Date(before.timestamp) < GROUP_WITHIN_MS;
    element.classList.toggle("follows", Boolean(near && before.author.id === message.author.id && message.type === 0));
    before = message;
  }
}
