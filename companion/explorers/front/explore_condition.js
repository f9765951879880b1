/* Chapter 07: one style for every label. The label is picked, the style is dragged. */

explore.condition = (live, { shown, decoders, state, move }) => {
  const { classes, range } = shown;
  const help =
    "Pick a label, then drag the point, or focus the plane and use the arrow keys, to change the style. The row below " +
    "shows the same style with every label.";
  const words = readout();
  const mark = marker();
  const pad = plane(
    { label: "Style, the code z. Arrow keys move it.", x: range, y: range, width: 208, height: 208,
      names: ["z1", "z2"], content: [mark] },
    () => state.z,
    (z) => move({ z }),
  );
  const image = picture(28, 28, "What the decoder makes of label and style");
  image.canvas.classList.add("explorer-large");
  const label = choice("Label", classes.map((name, i) => [i, name]), (value) => move({ label: Number(value) }));
  const all = classes.map((name) => picture(28, 28, `Label ${name}`));
  const strip = element("div", { class: "explorer-strip" },
    ...all.map(({ canvas }, i) => element("div", {}, canvas, caption(classes[i]))));
  const oneHot = (chosen) => classes.map((_, i) => (i === chosen ? 1 : 0));

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(column(caption("style"), pad.svg), column(label.node, image.canvas)),
    strip,
    words.node,
  );
  return () => {
    label.set(state.label);
    moveMarker(mark, pad.to, state.z);
    all.forEach(({ draw }, i) => {
      const pixels = decoders.VAE(state.z, oneHot(i));
      draw(pixels);
      if (i === state.label) image.draw(pixels);
    });
    const radius = Math.hypot(...state.z);
    words.say(
      `Label ${classes[state.label]}, style z = (${state.z.map((value) => written(value)).join(", ")}), ` +
        `${written(radius)} from the middle of the prior` +
        `${radius > 2.5 ? ": hardly one sample in twenty lies so far out." : "."}`,
    );
  };
};
