// The form field of a command option.

import { button, el, uniqueId } from "./dom.js";
import { people, places, roles } from "./components.js";
import { icon } from "./icons.js";
import { ATTACHMENT } from "./interactions.js";
import { MentionCompletion } from "./mention_completion.js";
import { mentionable, toMarks } from "./mentions.js";
import { Suggestions } from "./suggestions.js";
import { takeFiles, thumbnail } from "./upload_tray.js";

const WHOLE = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, MENTIONABLE = 9, NUMBER = 10;
const AUTOCOMPLETE_DELAY_MS = 250;

/**
* Create an option's field.
 * @param {Object} option The registered option.
 * @param {Object} about `world`; `channel()`; `complete(option, text)` returns autocomplete choices; `excess(files)` gets files beyond one.
 * @returns {{option, element, value: () => any, focus: () => void}} `value` is undefined where it is empty.
 */
export function createOptionField(option, about) {
  const id = uniqueId("option");
  const made = option.type === ATTACHMENT ? fileField(option, id, about) : plainField(option, id, about);
  const element = el("div", { class: `option type-${option.type}`, "data-option": option.name },
    el("label", { for: id }, option.name, option.required ? el("span", { class: "muted" }, " (required)") : null),
    made.element, el("p", { class: "muted", id: `${id}-about` }, option.description));
  return { ...made, option, element };
}

function plainField(option, id, about) {
  const described = { id, "aria-describedby": `${id}-about`, required: option.required };
  if (option.choices?.length) return choice(described, option.choices.map((each) => ({ value: each.value, label: each.name })));
  switch (option.type) {
    case BOOLEAN:
      return choice(described, [{ value: true, label: "True" }, { value: false, label: "False" }]);
    case USER:
      return choice(described, people(about.world));
    case CHANNEL:
      return choice(described, places(about.world, option.channel_types));
    case ROLE:
      return choice(described, roles(about.world));
    case MENTIONABLE:
      return choice(described, [...people(about.world), ...roles(about.world)]);
    case WHOLE:
    case NUMBER:
      return numberField(option, described);
    default:
      return textField(option, described, about);
  }
}

function choice(described, options) {
  const menu = el("select", described, el("option", { value: "" }, "—"),
    options.map((each, number) => el("option", { value: String(number) }, each.label)));
  return { element: menu, value: () => (menu.value === "" ? undefined : options[Number(menu.value)].value), focus: () => menu.focus() };
}

function numberField(option, described) {
  const input = el("input", { ...described, type: "number", step: option.type === WHOLE ? 1 : "any", min: option.min_value, max: option.max_value });
  return { element: input, value: () => (input.value === "" ? undefined : Number(input.value)), focus: () => input.focus() };
}

/** Create a text field, with autocomplete where the option has it, else with completion of mentions. */
function textField(option, described, about) {
  const input = el("input", { ...described, type: "text", autocomplete: "off", minlength: option.min_length, maxlength: option.max_length ?? 6000 });
  const fill = (text) => {
    input.value = text;
  };
  if (!option.autocomplete) {
    const suggestions = new Suggestions(input);
    new MentionCompletion(input, suggestions, about).listen();
    input.addEventListener("keydown", (event) => suggestions.key(event));
    const value = () => toMarks(input.value, mentionable(about.world, about.channel())) || undefined;
    return { element: el("div", {}, input, suggestions.element), value, focus: () => input.focus(), fill };
  }
  const list = el("datalist", { id: `${described.id}-offers` });
  input.setAttribute("list", list.id);
  let offers = [], pause = 0;
  input.addEventListener("input", () => {
    clearTimeout(pause);
    if (offers.some((each) => each.name === input.value)) return;
    pause = setTimeout(async () => {
      offers = await about.complete(option, input.value);
      list.replaceChildren(...offers.map((each) => el("option", { value: each.name })));
    }, AUTOCOMPLETE_DELAY_MS);
  });
  const value = () => offers.find((each) => each.name === input.value)?.value ?? (input.value || undefined);
  return { element: el("div", {}, input, list), value, focus: () => input.focus(), fill };
}

function fileField(option, id, about) {
  let file = null;
  const input = el("input", { id, type: "file", class: "visually-hidden", multiple: true, "aria-describedby": `${id}-about` });
  const shown = el("span", { class: "chosen-file" });
  const take = (files) => {
    if (!files.length) return;
    [file] = files;
    draw();
    about.excess(files.slice(1));
    about.changed?.();
  };
  const draw = () => {
    if (!file) return shown.replaceChildren(el("span", { class: "muted" }, "drop or paste one here"));
    const address = URL.createObjectURL(file);
    const preview = thumbnail(address, file);
    preview.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
    shown.replaceChildren(preview, el("span", {}, file.name), button(icon("close"), { class: "icon", "aria-label": `Remove ${file.name}`, onclick: () => {
      file = null;
      input.value = "";
      draw();
      input.focus();
    } }));
  };
  input.addEventListener("change", () => take([...input.files]));
  draw();
  const element = el("div", { class: "file-option" }, input,
    el("label", { for: id, class: "as-button", "aria-hidden": "true" }, "Choose a picture"), shown);
  takeFiles(element, take);
  return { element, value: () => file ?? undefined, focus: () => input.focus(), take, isFile: true };
}
