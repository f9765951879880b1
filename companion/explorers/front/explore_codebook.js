/* Chapter 09: entries of the codebook are painted on the map of codes; the decoder turns the map into an image. */

explore.codebook = (live, { shown, decoders, state, move }) => {
  const { entries, images, size } = shown;
  const side = 224 / size;
  const help =
    "Pick an entry, then paint with it on the map. With the keys: focus the map, walk with the arrows, paint with Space. " +
    "Every number names an entry of the codebook; below is what each entry draws when the whole map holds it.";
  const words = readout();
  // Hues that follow the entries' order say nothing but which cells hold the same entry.
  const colour = (entry) => `hsl(${Math.round((entry * 360) / entries.length)} 65% 78%)`;
  const cells = Array.from({ length: size * size }, (_, i) => {
    const [x, y] = [(i % size) * side, Math.floor(i / size) * side];
    const box = drawn("rect", { x, y, width: side, height: side, class: "explorer-cell" });
    return { box, text: drawn("text", { x: x + side / 2, y: y + side / 2 + 5, class: "explorer-number" }) };
  });
  const cursor = drawn("rect", { width: side - 3, height: side - 3, class: "explorer-cursor" });
  const map = plane(
    { label: "Map of codes. Arrow keys walk, Space paints.", x: [0, size - 0.01], y: [0, size - 0.01], width: 224,
      height: 224, step: 1, home: [0.5, size - 0.5],
      content: [drawn("g", { "aria-hidden": "true" }, ...cells.flatMap(({ box, text }) => [box, text])), cursor] },
    () => [(state.at % size) + 0.5, size - 0.5 - Math.floor(state.at / size)],
    ([x, y], byKey) => {
      const at = Math.floor(x) + size * (size - 1 - Math.floor(y));
      move(byKey ? { at } : { at, codes: painted(at) });
    },
  );
  map.svg.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    move({ codes: painted(state.at) });
  });
  const painted = (at) => state.codes.map((line, y) =>
    line.map((entry, x) => (x + size * y === at ? state.brush : entry)));
  const image = picture(28, 28, "What the map of codes decodes to");
  image.canvas.classList.add("explorer-large");
  const brush = choice("Paint with entry", entries.map((_, i) => [i, i]), (value) => move({ brush: Number(value) }));
  const begin = choice("Begin with", images.map(({ name }, i) => [i, name]), (value) =>
    move({ image: Number(value), codes: images[value].codes }));
  const decodeMap = (codes) => decoders.image(codes.flatMap((line) => line.flatMap((entry) => entries[entry])));
  const strip = element("div", { class: "explorer-strip" }, ...entries.map((_, i) => {
    const look = picture(28, 28, `Entry ${i} everywhere`);
    look.draw(decodeMap(Array.from({ length: size }, () => Array(size).fill(i))));
    return element("div", {}, look.canvas, caption(i));
  }));

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(begin.node, brush.node),
    row(column(caption("map of codes"), map.svg), column(caption("decoded"), image.canvas)),
    strip,
    words.node,
  );
  return () => {
    begin.set(state.image);
    brush.set(state.brush);
    const codes = state.codes.flat();
    cells.forEach(({ box, text }, i) => {
      box.setAttribute("fill", colour(codes[i]));
      text.textContent = codes[i];
    });
    cursor.setAttribute("x", (state.at % size) * side + 1.5);
    cursor.setAttribute("y", Math.floor(state.at / size) * side + 1.5);
    image.draw(decodeMap(state.codes));
    const origin = images[state.image].codes.flat();
    const changed = codes.filter((entry, i) => entry !== origin[i]).length;
    words.say(
      `Row ${Math.floor(state.at / size) + 1}, column ${(state.at % size) + 1} holds entry ${codes[state.at]}; ` +
        `the brush paints entry ${state.brush}. ${changed} of ${codes.length} codes differ from ${images[state.image].name}.`,
    );
  };
};
