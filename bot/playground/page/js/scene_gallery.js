// The scene gallery: random pictures of the kind that the tiny models were trained on.

import { button, el } from "./dom.js";

/**
* Open the gallery's dialog.
 * @param {(files: File[]) => void} chosen Called with the chosen pictures.
 */
export function openSceneGallery(chosen) {
  const grid = el("div", { class: "scenes", "aria-busy": "true" }, el("p", { class: "muted" }, "Drawing…"));
  const add = el("button", { class: "primary", value: "add", disabled: true }, "Add");
  const picked = new Map();
  const changed = () => {
    add.disabled = picked.size === 0;
    add.textContent = picked.size > 1 ? `Add ${picked.size} pictures` : "Add";
  };
  const dialog = el("dialog", { class: "gallery", "aria-labelledby": "gallery-title" },
    el("form", { method: "dialog" },
      el("h2", { id: "gallery-title" }, "Scenes from the tiny world"),
      el("p", { class: "muted" }, "Drawn just now: coloured shapes, which the tiny models know."),
      grid,
      el("div", { class: "row" }, add, button("Draw others", { onclick: () => fill(grid, picked, changed) }), el("button", { value: "" }, "Cancel"))));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "add") chosen([...picked.values()]);
  });
  document.body.append(dialog);
  dialog.showModal();
  fill(grid, picked, changed);
}

async function fill(grid, picked, changed) {
  picked.clear();
  changed();
  grid.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch("/playground/scenes");
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.message);
    grid.replaceChildren(...body.scenes.map((scene, number) => choice(scene, number, picked, changed)));
  } catch (error) {
    grid.replaceChildren(el("p", { class: "error", role: "alert" }, error.message));
  }
  grid.removeAttribute("aria-busy");
}

function choice(scene, number, picked, changed) {
  const bytes = Uint8Array.from(atob(scene.png), (character) => character.charCodeAt(0));
  const file = new File([bytes], `scene-${number + 1}.png`, { type: "image/png" });
  const address = URL.createObjectURL(file);
  const image = el("img", { src: address, alt: scene.caption });
  image.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
  const made = button(image, { class: "scene", "aria-pressed": "false", onclick: () => {
    if (picked.delete(number)) made.setAttribute("aria-pressed", "false");
    else {
      picked.set(number, file);
      made.setAttribute("aria-pressed", "true");
    }
    changed();
  } });
  return made;
}
