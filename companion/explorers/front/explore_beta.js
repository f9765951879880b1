/* Chapter 06: beta on a slider, with traversals of the code of one image and the curve of distortion against rate. */

explore.beta = (live, { shown, decoders, state, move }) => {
  const { models, values, images } = shown;
  const betas = models.map(({ beta }) => beta);
  const dims = models[0].kl.length;
  const [height, width] = shown.shape;
  const help =
    "Move the slider to change beta. Each row of pictures changes one coordinate of the code of one image; the " +
    "coordinate with the largest KL comes first. The point shows the rate and the distortion of the model.";
  const words = readout();
  const weight = slider({ label: "beta", min: 0, max: betas.length - 1, step: 1, shown: (i) => String(betas[i]) },
    (i) => move({ beta: betas[i] }));
  const image = choice("Image", images.map((name, i) => [i, name]), (value) => move({ image: Number(value) }));
  const grid = picture(dims * height, values.length * width, "Traversals: one row per coordinate");
  grid.canvas.classList.add("explorer-grid");
  const mosaic = new Float32Array(dims * height * values.length * width);

  const most = (name) => Math.max(...models.map((model) => model[name]));
  const top = { x: [0, Math.ceil(most("rate")) + 1], y: [0, Math.ceil(most("distortion") / 10) * 10] };
  const mark = marker();
  const curve = drawn("path", { class: "explorer-curve" });
  const dots = drawn("g");
  const chart = drawing({ ...top, width: 208, height: 208 }, curve, dots, mark);
  curve.setAttribute("d", pathOf(models.map(({ rate, distortion }) => [rate, distortion]), chart.to));
  dots.append(...models.map(({ rate, distortion }) =>
    drawn("circle", { cx: chart.to.x(rate), cy: chart.to.y(distortion), r: 3.5, class: "explorer-dot" })));

  function drawGrid({ beta, codes, kl }) {
    const decode = decoders[`beta ${beta}`];
    const order = kl.map((_, i) => i).sort((a, b) => kl[b] - kl[a]);
    order.forEach((dim, line) =>
      values.forEach((value, place) => {
        const code = codes[state.image].slice();
        code[dim] = value;
        const pixels = decode(code);
        for (let y = 0; y < height; y++) {
          const to = ((line * height + y) * values.length + place) * width;
          mosaic.set(pixels.subarray(y * width, (y + 1) * width), to);
        }
      }));
    grid.draw(mosaic);
  }

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(weight.node, image.node),
    row(
      column(caption(`coordinates from ${written(values[0], 0)} to ${written(values[values.length - 1], 0)}`), grid.canvas),
      column(caption("distortion by rate, nats"), chart.svg),
    ),
    words.node,
  );
  return () => {
    const model = models[betas.indexOf(state.beta)];
    weight.set(betas.indexOf(state.beta));
    image.set(state.image);
    drawGrid(model);
    moveMarker(mark, chart.to, [model.rate, model.distortion]);
    const active = model.kl.filter((value) => value > 0.1).length;
    words.say(
      `beta = ${model.beta}: rate ${written(model.rate, 1)} + distortion ${written(model.distortion, 1)} = ` +
        `negative ELBO ${written(model.rate + model.distortion, 1)} nats per image.\n` +
        `${active} of ${dims} coordinates have a KL above 0.1 nats: ` +
        `${[...model.kl].sort((a, b) => b - a).map((value) => written(value, 1)).join(", ")}.`,
    );
  };
};
