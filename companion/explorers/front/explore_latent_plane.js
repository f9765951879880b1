/* Chapter 05: one point over the codes of two models, and a walk between two digits. */

explore.latent_plane = (live, { shown, decoders, state, move }) => {
  const { models, labels, colours, walk } = shown;
  const help =
    "Drag the point on either plane, or focus a plane and use the arrow keys (Shift: larger steps; Home: the origin). " +
    "The other point goes along to the same place of its plane; mind that the planes differ in scale. Or walk from one " +
    "digit to another.";
  const words = readout();
  const panels = Object.entries(models).map(([name, { codes, range }]) => {
    const dots = codes.map(([x, y], i) => ({ x, y, fill: colours[labels[i]] }));
    const way = drawn("path", { class: "explorer-way" });
    const mark = marker();
    const group = drawn("g", { "aria-hidden": "true" });
    const pad = plane(
      { label: `Codes of the ${name}. Arrow keys move the point.`, x: range, y: range, names: ["z1", "z2"],
        width: 208, height: 208, content: [group, way, mark] },
      () => position(name),
      (z) => move({ mode: "point", z: scaled(z, 1 / unit(name)) }),
    );
    group.append(
      ...dots.map(({ x, y, fill }) => drawn("circle", { cx: pad.to.x(x), cy: pad.to.y(y), r: 2.6, fill })),
      ...walk.digits.map((digit) => nameOfClass(digit, codes.filter((_, i) => labels[i] === digit), pad.to)),
    );
    const image = picture(28, 28, `What the ${name} decodes`);
    const panel = pair(column(caption(name), pad.svg), column(caption("decoded"), image.canvas));
    return { name, codes, mark, way, image, to: pad.to, panel };
  });
  const digits = walk.digits.map((digit) => [digit, `digit ${digit}`]);
  const first = choice("From", digits, (value) => move({ mode: "walk", first: Number(value) }));
  const last = choice("to", digits, (value) => move({ mode: "walk", last: Number(value) }));
  const part = slider({ label: "Part of the way", min: 0, max: 1, step: 0.01 }, (value) =>
    move({ mode: "walk", part: value }));

  // `z` is kept in the coordinates of the VAE.
  const unit = (name) => models[name].range[1] / models.VAE.range[1];
  const scaled = (z, factor) => z.map((value) => value * factor);
  const end = (name, digit) => models[name].codes[walk.images[walk.digits.indexOf(digit)]];
  function position(name) {
    if (state.mode !== "walk") return scaled(state.z, unit(name));
    const [from, to] = [end(name, state.first), end(name, state.last)];
    return from.map((value, i) => (1 - state.part) * value + state.part * to[i]);
  }
  function nearest(codes, [x, y]) {
    let best = 0;
    let least = Infinity;
    codes.forEach(([a, b], i) => {
      const distance = (a - x) ** 2 + (b - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    return { label: labels[best], distance: Math.sqrt(least) };
  }

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(...panels.map(({ panel }) => panel)),
    row(first.node, last.node, part.node),
    words.node,
  );
  return () => {
    first.set(state.first);
    last.set(state.last);
    part.set(state.part);
    const said = panels.map(({ name, codes, mark, way, image, to }) => {
      const z = position(name);
      moveMarker(mark, to, z);
      const ends = state.mode === "walk" ? [end(name, state.first), end(name, state.last)] : [];
      way.setAttribute("d", pathOf(ends, to));
      image.draw(decoders[name](z));
      const { label, distance } = nearest(codes, z);
      return `${name}: z = (${z.map((value) => written(value)).join(", ")}), nearest code a ${label}, ${written(distance)} away.`;
    });
    words.say(said.join("\n"));
  };
};
