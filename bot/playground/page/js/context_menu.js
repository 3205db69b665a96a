// The context menu of a message, opened by a right click or its "…" button.

import { button, el } from "./dom.js";

/**
 * Open a menu.
 * @param {Event} event The event that opened it, which gives its position.
 * @param {Array<{label: string, act: () => void, danger?: boolean, group?: string}>} items
 * @param {HTMLElement} pane The landmark to put it in.
 */
export function openMenu(event, items, pane) {
  event.preventDefault();
  document.getElementById("menu")?.remove();
  const before = document.activeElement;
  const message = before?.closest(".message")?.id;
  const menu = el("div", { id: "menu", class: "menu", role: "menu", "aria-label": "Message", onkeydown: (each) => move(menu, each) });
  menu.append(...items.flatMap((item, number) => entry(item, items[number - 1], menu)));
  const outside = (pressed) => menu.contains(pressed.target) || close(false);
  const close = (back) => {
    document.removeEventListener("pointerdown", outside);
    const focused = menu.contains(document.activeElement);
    menu.remove();
    // An edit may have replaced the message's element.
    if (back && focused) (before?.isConnected ? before : document.getElementById(message))?.focus({ preventScroll: true });
  };
  // No popover with light dismiss: releasing the right button would close it again.
  document.addEventListener("pointerdown", outside);
  menu.addEventListener("close", () => close(true));
  pane.append(menu);
  place(menu, event);
  menu.querySelector("[role=menuitem]")?.focus();
}

function entry(item, previous, menu) {
  const act = () => {
    menu.dispatchEvent(new Event("close"));
    item.act();
  };
  const made = button(item.label, { role: "menuitem", class: item.danger ? "danger-text" : null, tabindex: "-1", onclick: act });
  const title = item.group && item.group !== previous?.group ? el("div", { class: "menu-group", role: "presentation" }, item.group) : null;
  return [title, made].filter(Boolean);
}

function place(menu, event) {
  const from = event.currentTarget?.getBoundingClientRect?.() ?? event.target.getBoundingClientRect();
  const pointed = event.type === "contextmenu" && (event.clientX || event.clientY);
  const x = pointed ? event.clientX : from.right - menu.offsetWidth;
  const y = pointed ? event.clientY : from.bottom;
  menu.style.left = `${Math.max(8, Math.min(x, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(y, innerHeight - menu.offsetHeight - 8))}px`;
}

function move(menu, event) {
  const items = [...menu.querySelectorAll("[role=menuitem]")];
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab" || event.key === "Escape") menu.dispatchEvent(new Event("close"));
  if (next === undefined) return;
  event.preventDefault();
  items[(next + items.length) % items.length].focus();
}
