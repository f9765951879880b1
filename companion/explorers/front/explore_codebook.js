/* Chapter 09: codes are painted on the map of codes; the decoder turns the map into an image. */

/* One among many by a tile with a look and a name: native radio buttons, so that one Tab leads in and arrows choose. */
function palette(legend, tiles, onChoose) {
  const name = newId();
  const inputs = tiles.map((_, i) =>
    element("input", { type: "radio", name, value: i, onchange: () => onChoose(i) }));
  const labels = tiles.map(({ words, look, colour }, i) => {
    const word = element("span", { class: "explorer-tile-name" }, words);
    word.style.background = colour;
    look.setAttribute("aria-hidden", "true");
    return element("label", { class: "explorer-tile" }, inputs[i], word, look);
  });
  const node = element("fieldset", { class: "explorer-palette" }, element("legend", {}, legend), ...labels);
  return { node, set: (chosen) => inputs.forEach((input, i) => (input.checked = i === chosen)) };
}

/* The cells that a brush crosses on its way from one to another: a quick hand leaves no gaps. */
function cellsBetween(from, to, size) {
  const [x, y] = [from % size, Math.floor(from / size)];
  const [right, down] = [(to % size) - x, Math.floor(to / size) - y];
  const steps = Math.max(Math.abs(right), Math.abs(down), 1);
  return Array.from({ length: steps + 1 }, (_, i) =>
    Math.round(x + (right * i) / steps) + size * Math.round(y + (down * i) / steps));
}

explore.codebook = (live, { shown, decoders, state, move }) => {
  const { entries, colours, digits, size } = shown;
  const side = 224 / size;
  const help =
    "Pick a code, then paint with it on the map: press and drag, or focus the map, walk with the arrow keys and paint " +
    "with Enter or Space. The numbers name the codes, from the one that draws least ink to the one that draws most; " +
    "the small pictures show what a map full of one code decodes to. Painted cells are framed.";
  const words = readout();
  const decodeMap = (codes) => decoders.image(codes.flat().flatMap((code) => entries[code]));

  const cells = Array.from({ length: size * size }, (_, i) => {
    const [x, y] = [(i % size) * side, Math.floor(i / size) * side];
    return {
      box: drawn("rect", { x, y, width: side, height: side, class: "explorer-cell" }),
      frame: drawn("rect", { x: x + 2, y: y + 2, width: side - 4, height: side - 4, class: "explorer-painted" }),
      text: drawn("text", { x: x + side / 2, y: y + side / 2 + 5, class: "explorer-number" }),
    };
  });
  const cursor = drawn("rect", { width: side - 3, height: side - 3, class: "explorer-cursor" });
  const map = plane(
    { label: `Map of ${size} by ${size} codes. Arrow keys walk, Enter paints.`, x: [0, size - 0.01], y: [0, size - 0.01],
      width: 224, height: 224, step: 1, home: [0, size],
      content: [...cells.flatMap(({ box, frame, text }) => [box, frame, text]), cursor] },
    () => [(state.at % size) + 0.5, size - 0.5 - Math.floor(state.at / size)],
    ([x, y], byKey, begins) => {
      const at = Math.floor(x) + size * (size - 1 - Math.floor(y));
      if (byKey) move({ at });
      else paint(begins ? at : state.at, at, begins);
    },
  );
  map.svg.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    paint(state.at, state.at, true);
  });

  // What was there before each stroke and each button, for the one that takes it back.
  const past = [];
  const keep = () => past.push({ codes: state.codes, digit: state.digit });
  let kept = false;
  function paint(from, to, begins) {
    if (begins) kept = false;
    const way = cellsBetween(from, to, size);
    if (way.every((at) => state.codes.flat()[at] === state.brush)) return move({ at: to });
    // A stroke counts as one step, however many cells it crosses.
    if (!kept) keep();
    kept = true;
    const codes = state.codes.map((line, y) =>
      line.map((code, x) => (way.includes(x + size * y) ? state.brush : code)));
    return move({ at: to, codes });
  }

  const image = picture(28, 28, "What the map of codes decodes to");
  image.canvas.classList.add("explorer-large");
  const tiles = entries.map((_, i) => {
    const look = picture(28, 28, "");
    look.draw(decodeMap(Array(size * size).fill(i)));
    return { words: String(i), look: look.canvas, colour: colours[i] };
  });
  const brush = palette("Code to paint with", tiles, (chosen) => move({ brush: chosen }));
  const differing = () => state.codes.flat().filter((code, i) => code !== digits[state.digit].flat()[i]).length;
  const fetch = (digit) => {
    if (digit === state.digit && !differing()) return;
    keep();
    move({ digit, codes: digits[digit] });
  };
  const own = digits.map((_, digit) => button(String(digit), () => fetch(digit)));
  own.forEach((each, digit) => each.setAttribute("aria-label", `${digit}: codes of a handwritten ${digit}`));
  const label = newId();
  const fetchers = element("div", { class: "explorer-choice", role: "group", "aria-labelledby": label },
    element("span", { id: label }, "Codes of a handwritten"), ...own);
  const undo = button("Undo", () => past.length && move(past.pop()));
  const reset = button("Take all paint off", () => fetch(state.digit));

  live.append(
    element("p", { class: "explorer-help" }, help),
    brush.node,
    row(column(caption("map of codes"), map.svg), column(caption("decoded"), image.canvas)),
    row(undo, reset),
    fetchers,
    words.node,
  );
  return () => {
    const [codes, before] = [state.codes.flat(), digits[state.digit].flat()];
    brush.set(state.brush);
    cells.forEach(({ box, frame, text }, i) => {
      box.setAttribute("fill", colours[codes[i]]);
      frame.setAttribute("visibility", codes[i] === before[i] ? "hidden" : "visible");
      text.textContent = codes[i];
    });
    cursor.setAttribute("x", (state.at % size) * side + 1.5);
    cursor.setAttribute("y", Math.floor(state.at / size) * side + 1.5);
    own.forEach((each, digit) => each.setAttribute("aria-pressed", digit === state.digit));
    // Not `disabled`: a button that has the focus would lose it to nobody.
    undo.setAttribute("aria-disabled", !past.length);
    reset.setAttribute("aria-disabled", !differing());
    const unpainted = decodeMap(digits[state.digit]).slice();
    const pixels = decodeMap(state.codes);
    image.draw(pixels);
    const changed = pixels.filter((value, i) => Math.abs(value - unpainted[i]) > 0.1).length;
    const painted = differing();
    words.say(
      `Row ${Math.floor(state.at / size) + 1}, column ${(state.at % size) + 1} holds code ${codes[state.at]}; ` +
        `the brush paints code ${state.brush}.\n` +
        (painted
          ? `${painted} of ${codes.length} codes ${painted === 1 ? "differs" : "differ"} from those of the handwritten ` +
            `${state.digit}; that changes ` +
            `${changed} of ${pixels.length} pixels by more than a tenth.`
          : `All ${codes.length} codes are those of a handwritten ${state.digit}.`),
    );
  };
};
