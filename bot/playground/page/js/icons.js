// Icons, drawn as SVG: the signs that stand for them in Unicode are missing from many fonts.

const PATHS = {
  add: "M10 3v14M3 10h14",
  close: "M4.5 4.5l11 11M15.5 4.5l-11 11",
  send: "M4 4l13 6-13 6 2.5-6z",
  reply: "M8 4L3 9l5 5M3 9h9a5 5 0 0 1 5 5v2",
  forward: "M12 4l5 5-5 5M17 9H8a5 5 0 0 0-5 5v2",
  more: "M4 10h.01M10 10h.01M16 10h.01",
  thread: "M4 3v6a4 4 0 0 0 4 4h8M12 9l4 4-4 4",
  file: "M5 2h7l4 4v12H5zM12 2v4h4M8 10h5M8 14h5",
  external: "M6 14l8-8M7 6h7v7",
  down: "M10 3v13M4 10l6 6 6-6",
};

/** Create an icon as high as the text around it. It has no name for screen readers: the element around it has one. */
export function icon(name) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  for (const [key, value] of [["class", `sign sign-${name}`], ["viewBox", "0 0 20 20"], ["aria-hidden", "true"]]) made.setAttribute(key, value);
  made.append(path);
  return made;
}
