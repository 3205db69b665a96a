// Modals of the application.

import { button, el, uniqueId } from "./dom.js";
import { people, places, roles } from "./components.js";
import { markdown } from "./markdown.js";

/**
 * Open a modal.
 * @param {Object} modal The data of INTERACTION_MODAL_CREATE.
 * @param {Object} about `world`, and `submit(components, files)`; `closed` moves the focus where it was lost.
 */
export function openModal(modal, about) {
  const readers = [];
  const files = [];
  const error = el("p", { class: "error", role: "alert" });
  const title = uniqueId("modal");
  const lines = modal.components.map((each) => line(each, about, readers, files));
  const send = el("button", { type: "submit", class: "primary" }, "Submit");
  const dialog = el("dialog", { class: "modal", "aria-labelledby": title, onclose: () => {
    dialog.remove();
    if (document.activeElement === document.body) about.closed();
  } },
    el("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        if (send.ariaDisabled === "true") return;
        // `disabled` would lose the focus.
        send.ariaDisabled = "true";
        files.length = 0;
        try {
          await about.submit(readers.map((read) => read()), files);
          dialog.close();
        } catch (failure) {
          error.textContent = failure.message;
        }
        send.ariaDisabled = "false";
      },
    },
    el("h2", { id: title }, modal.title), el("p", { class: "muted" }, `A form of ${modal.application?.name ?? "the application"}`),
    lines, error, el("div", { class: "row" }, send, button("Cancel", { onclick: () => dialog.close() }))));
  document.body.append(dialog);
  dialog.showModal();
}

function line(each, about, readers, files) {
  if (each.type === 10) return el("div", { class: "content" }, markdown(each.content, about));
  const label = each.type === 18 ? each.label : each.components[0].label;
  const inner = each.type === 18 ? each.component : each.components[0];
  const id = uniqueId("field");
  const field = fieldOf(inner, id, about, files);
  const answer = () => ({ type: inner.type, custom_id: inner.custom_id, ...field.read() });
  readers.push(() => (each.type === 18 ? { type: 18, component: answer() } : { type: 1, components: [answer()] }));
  const hint = each.description ? el("p", { class: "muted", id: `${id}-about` }, each.description) : null;
  if (field.isGroup) return el("fieldset", {}, el("legend", {}, label), hint, field.element);
  if (hint) field.element.setAttribute("aria-describedby", `${id}-about`);
  return el("div", { class: "field" }, el("label", { for: id }, label, inner.required === false ? el("span", { class: "muted" }, " (optional)") : null), hint, field.element);
}

function fieldOf(inner, id, about, files) {
  switch (inner.type) {
    case 3:
      return selectField(inner, id, inner.options);
    case 4:
      return textField(inner, id);
    case 5:
      return selectField(inner, id, people(about.world));
    case 6:
      return selectField(inner, id, roles(about.world));
    case 7:
      return selectField(inner, id, [...people(about.world), ...roles(about.world)]);
    case 8:
      return selectField(inner, id, places(about.world, inner.channel_types));
    case 19:
      return uploadField(inner, id, files);
    case 21:
    case 22:
      return groupField(inner, id);
    case 23:
      return checkbox(inner, id);
    default:
      return { element: el("p", { id }, `A field that this page doesn't know (type ${inner.type})`), read: () => ({}) };
  }
}

function textField(inner, id) {
  const given = { id, required: inner.required, minlength: inner.min_length, maxlength: inner.max_length ?? 4000, placeholder: inner.placeholder };
  const element = inner.style === 2 ? el("textarea", { ...given, rows: 4 }) : el("input", { ...given, type: "text" });
  element.value = inner.value ?? "";
  return { element, read: () => ({ value: element.value }) };
}

function selectField(inner, id, options) {
  const several = inner.max_values > 1;
  const element = el("select", { id, required: inner.required, multiple: several },
    several ? null : el("option", { value: "" }, inner.placeholder || "Choose…"),
    options.map((each) => el("option", { value: each.value, selected: each.default }, each.label)));
  return { element, read: () => ({ values: [...element.selectedOptions].map((each) => each.value).filter(Boolean) }) };
}

function uploadField(inner, id, files) {
  const element = el("input", { id, type: "file", required: inner.required, multiple: inner.max_values > 1 });
  const read = () => ({ values: [...element.files].map((file) => String(files.push(file) - 1)) });
  return { element, read };
}

function groupField(inner, id) {
  const kind = inner.type === 21 ? "radio" : "checkbox";
  const boxes = inner.options.map((each) => el("input", { type: kind, name: id, value: each.value, checked: each.default, required: kind === "radio" && inner.required }));
  const element = el("div", {}, boxes.map((box, number) => el("label", { class: "choice" }, box, ` ${inner.options[number].label}`,
    inner.options[number].description ? el("span", { class: "muted" }, ` ${inner.options[number].description}`) : null)));
  const chosen = () => boxes.filter((each) => each.checked).map((each) => each.value);
  return { element, isGroup: true, read: () => (kind === "radio" ? { value: chosen()[0] ?? null } : { values: chosen() }) };
}

function checkbox(inner, id) {
  const element = el("input", { id, type: "checkbox", checked: inner.default });
  return { element, read: () => ({ value: element.checked }) };
}
