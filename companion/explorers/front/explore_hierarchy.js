/* Chapter 08: a point of the top layer is held, and the layer below it is drawn again and again. */

/* A draw of z1 from p(z1|z2) with given noise, and its picture: what the model does from the top down. */
function drawBelow(decoders, z2, noise) {
  const mean = decoders["mean of z1"](z2);
  const logVariance = decoders["log variance of z1"](z2);
  return decoders.pixels(Array.from(mean, (value, i) => value + Math.exp(logVariance[i] / 2) * noise[i]));
}

explore.hierarchy = (live, { shown, decoders, state, move }) => {
  const { codes, labels, colours, range, draws, kl } = shown;
  const seeds = 100;
  const help =
    `Drag the point, or focus the plane and use the arrow keys, to move the top code z2. Each of the ${draws} pictures has ` +
    "this z2 and a lower code z1 of its own, drawn from p(z1|z2). Hold z2 and draw again; then keep the noise and move z2. " +
    `For an average image the KL of the top layer is ${written(kl[1], 1)} nats, that of the lower one ${written(kl[0], 1)}.`;
  const words = readout();
  const group = drawn("g", { "aria-hidden": "true" });
  const mark = marker();
  const pad = plane(
    { label: "Top code z2. Arrow keys move it.", x: range, y: range, names: ["z2, first", "second"],
      content: [group, mark] },
    () => state.z2,
    (z2) => move(state.keep ? { z2 } : { z2, seed: (state.seed + 1) % seeds }),
  );
  const kinds = [...new Set(labels)].sort((a, b) => a - b);
  group.append(
    ...codes.map(([x, y], i) =>
      drawn("circle", { cx: pad.to.x(x), cy: pad.to.y(y), r: 2.6, fill: colours[labels[i]] })),
    ...kinds.map((kind) => nameOfClass(kind, codes.filter((_, i) => labels[i] === kind), pad.to)),
  );
  const middle = picture(28, 28, "What the mean of p(z1|z2) decodes to");
  const pictures = Array.from({ length: draws }, (_, i) => picture(28, 28, `Draw ${i + 1} of z1, decoded`));
  const again = button("Draw z1 again", () => move({ seed: (state.seed + 1) % seeds }));
  const seed = slider({ label: "Noise, number", min: 0, max: seeds - 1, step: 1, shown: String }, (value) =>
    move({ seed: value }));
  const keep = tick("Keep the noise while z2 moves", (checked) => move({ keep: checked }));
  const strip = element("div", { class: "explorer-strip explorer-draws" }, ...pictures.map(({ canvas }) => canvas));

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(
      column(caption("top layer"), pad.svg),
      column(caption(`${draws} draws of the lower layer, decoded`), strip, caption("the mean of p(z1|z2), decoded"),
        middle.canvas),
    ),
    row(again, seed.node, keep.node),
    words.node,
  );
  return () => {
    const width = decoders["mean of z1"](state.z2).length;
    const noise = normalDraws(state.seed, draws * width);
    const samples = pictures.map(({ draw }, i) => {
      const pixels = drawBelow(decoders, state.z2, noise.slice(i * width, (i + 1) * width)).slice();
      draw(pixels);
      return pixels;
    });
    middle.draw(drawBelow(decoders, state.z2, Array(width).fill(0)));
    moveMarker(mark, pad.to, state.z2);
    seed.set(state.seed);
    keep.set(state.keep);
    const sigmas = Array.from(decoders["log variance of z1"](state.z2), (value) => Math.exp(value / 2));
    words.say(
      `z2 = (${state.z2.map((value) => written(value)).join(", ")}), noise number ${state.seed}, which ` +
        `${state.keep ? "stays" : "changes"} when z2 moves.\n` +
        `Given z2, the widths of z1 go from ${written(Math.min(...sigmas))} to ${written(Math.max(...sigmas))} in its ` +
        `${width} coordinates. Two of the ${draws} pictures differ on average in ${written(apart(samples), 0)} of ` +
        `${samples[0].length} pixels.`,
    );
  };
};

/* In how many pixels two of the pictures differ on average: one is black where the other is white. */
function apart(pictures) {
  let differing = 0;
  const pairs = (pictures.length * (pictures.length - 1)) / 2;
  for (let i = 0; i < pictures[0].length; i++) {
    const black = pictures.filter((pixels) => pixels[i] > 0.5).length;
    differing += black * (pictures.length - black);
  }
  return differing / pairs;
}
