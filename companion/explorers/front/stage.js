/* What explorers are made of: a plane with points that can be dragged, sliders, pictures, a readout. */

/* The explorers by their names; each file explore_NAME.js adds one. */
const explore = {};

/* A picture of numbers from 0, white, to 1, black, as the book prints it. */
function picture(height, width, label) {
  const canvas = element("canvas", { width, height, role: "img", "aria-label": label, class: "explorer-picture" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const draw = (pixels, at = 0) => {
    for (let i = 0; i < width * height; i++) {
      const ink = 255 * (1 - pixels[at + i]);
      image.data[4 * i] = image.data[4 * i + 1] = image.data[4 * i + 2] = ink;
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  };
  return { canvas, draw };
}

/* A slider with its name before it and its value after it. */
function slider({ label, min, max, step, shown = written }, onMove) {
  const id = newId();
  const input = element("input", { type: "range", id, min, max, step });
  const value = element("span", { class: "explorer-value", "aria-hidden": "true" });
  input.addEventListener("input", () => onMove(Number(input.value)));
  const set = (number) => {
    input.value = number;
    value.textContent = shown(number);
    input.setAttribute("aria-valuetext", shown(number));
  };
  return { node: element("div", { class: "explorer-slider" }, element("label", { for: id }, label), input, value), set };
}

/* A choice of one among a few, [value, words] each. */
function choice(label, options, onChange) {
  const id = newId();
  const words = options.map(([value, text]) => element("option", { value }, text));
  const select = element("select", { id }, ...words);
  select.addEventListener("change", () => onChange(select.value));
  const set = (value) => (select.value = String(value));
  return { node: element("div", { class: "explorer-choice" }, element("label", { for: id }, label), select), set };
}

/* A box to tick. */
function tick(label, onChange) {
  const id = newId();
  const input = element("input", { type: "checkbox", id });
  input.addEventListener("change", () => onChange(input.checked));
  const set = (checked) => (input.checked = checked);
  return { node: element("div", { class: "explorer-tick-box" }, input, element("label", { for: id }, label)), set };
}

function button(label, onPress) {
  return element("button", { type: "button", class: "explorer-button", onclick: onPress }, label);
}

/* Words that change with every move. They are read aloud only when the hand has come to rest. */
function readout() {
  const seen = element("p", { class: "explorer-readout", "aria-hidden": "true" });
  const heard = element("p", { class: "explorer-heard", role: "status" });
  let waiting = 0;
  const say = (text) => {
    seen.textContent = text;
    clearTimeout(waiting);
    waiting = setTimeout(() => (heard.textContent = text), heard.textContent ? 500 : 0);
  };
  return { node: element("div", {}, seen, heard), say };
}

/* ---- A plane ------------------------------------------------------------------------------------------------ */

const SIDE = 260;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/* Coordinates of the plane and of its drawing. */
function scales({ x, y, width = SIDE, height = SIDE }) {
  return {
    x: (value) => ((value - x[0]) / (x[1] - x[0])) * width,
    y: (value) => (1 - (value - y[0]) / (y[1] - y[0])) * height,
    valueX: (part) => x[0] + part * (x[1] - x[0]),
    valueY: (part) => y[1] - part * (y[1] - y[0]),
  };
}

/* Lines at zero, or at the middle, and the values at the ends, or the words that stand for them. */
function axes({ x, y, width = SIDE, height = SIDE, names = [], ends }) {
  const to = scales({ x, y, width, height });
  const middle = ([low, high]) => (low < 0 && high > 0 ? 0 : (low + high) / 2);
  const lines = [
    drawn("rect", { x: 0, y: 0, width, height, class: "explorer-ground" }),
    drawn("line", { x1: 0, x2: width, y1: to.y(middle(y)), y2: to.y(middle(y)), class: "explorer-axis" }),
    drawn("line", { y1: 0, y2: height, x1: to.x(middle(x)), x2: to.x(middle(x)), class: "explorer-axis" }),
  ];
  const tick = (value) => written(value, Number.isInteger(value) ? 0 : 1);
  const word = (text, px, py, anchor) =>
    drawn("text", { x: px, y: py, "text-anchor": anchor, class: "explorer-tick" }, text);
  const [left, right, top] = ends || [tick(x[0]), tick(x[1]), tick(y[1])];
  lines.push(word(left, 3, height - 4, "start"), word(right, width - 3, height - 4, "end"));
  lines.push(word(top, 3, 12, "start"));
  if (names[0]) lines.push(word(names[0], width - 3, to.y(middle(y)) - 5, "end"));
  if (names[1]) lines.push(word(names[1], to.x(middle(x)) + 5, 12, "start"));
  return drawn("g", { "aria-hidden": "true" }, ...lines);
}

/*
 * A plane on which one point is moved: by dragging or tapping anywhere, by the arrow keys, with Shift in larger steps,
 * and to the origin by Home. `position` gives the point, `onMove` takes where it is to go, whether a key sent it there,
 * and whether a press of the pointer begins with it.
 */
function plane({ label, x, y, width = SIDE, height = SIDE, names, step, home, content = [] }, position, onMove) {
  const to = scales({ x, y, width, height });
  const svg = drawn(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "explorer-plane", role: "application", tabindex: 0, "aria-label": label },
    axes({ x, y, width, height, names }),
    ...content,
  );
  svg.style.width = `${width}px`;
  const go = (valueX, valueY, byKey, begins = false) =>
    onMove([clamp(valueX, ...x), clamp(valueY, ...y)], byKey, begins);
  const follow = (event, begins) => {
    const box = svg.getBoundingClientRect();
    const [across, down] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    go(to.valueX(across), to.valueY(down), false, begins);
  };
  let held = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    held = event.pointerId;
    svg.setPointerCapture(held);
    svg.focus({ preventScroll: true });
    follow(event, true);
  });
  svg.addEventListener("pointermove", (event) => event.pointerId === held && follow(event, false));
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (held = null));
  svg.addEventListener("keydown", (event) => {
    const direction = STEPS[event.key];
    if (!direction && event.key !== "Home") return;
    event.preventDefault();
    // A notebook has keys of its own.
    event.stopPropagation();
    const size = (step || (x[1] - x[0]) / 50) * (event.shiftKey ? 5 : 1);
    const [atX, atY] = position();
    if (direction) go(atX + size * direction[0], atY + size * direction[1], true);
    else go(...(home || [0, 0]), true);
  });
  return { svg, to };
}

/* A point that stands out from everything under it. */
const marker = () => drawn("circle", { r: 7, class: "explorer-marker" });

function moveMarker(mark, to, [x, y]) {
  mark.setAttribute("cx", to.x(x));
  mark.setAttribute("cy", to.y(y));
}

/* The name of a class, written where the middle of its codes is. */
function nameOfClass(name, codes, to) {
  const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const [x, y] = [0, 1].map((axis) => middle(codes.map((code) => code[axis])));
  return drawn("text", { x: to.x(x), y: to.y(y) + 5, "text-anchor": "middle", class: "explorer-word" }, name);
}

/* A line through points. */
const pathOf = (points, to) =>
  points.map(([x, y], i) => `${i ? "L" : "M"}${to.x(x).toFixed(1)} ${to.y(y).toFixed(1)}`).join("");

/* Elements side by side, one below the other where there is no room. */
const row = (...nodes) => element("div", { class: "explorer-row" }, ...nodes);
const pair = (...nodes) => element("div", { class: "explorer-pair" }, ...nodes);
const column = (...nodes) => element("div", { class: "explorer-column" }, ...nodes);
const caption = (text) => element("div", { class: "explorer-caption" }, text);
