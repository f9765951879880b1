/* Chapter 16: a noise point travels along the probability flow to a code, and the decoder draws it. */

/* The way from a noise point, in units of the spread of all codes: what companion.latent_diffusion.reverse_path gives. */
function probabilityFlow(network, { log_snr: [noisiest, cleanest], frequencies, classes }, start, steps, label, guidance) {
  const sigmoid = (value) => 1 / (1 + Math.exp(-value));
  const parts = (level) => [Math.sqrt(sigmoid(level)), Math.sqrt(sigmoid(-level))];
  const noiseIn = (z, level, shownLabel) => {
    const time = (level - noisiest) / (cleanest - noisiest);
    const waves = frequencies.flatMap((often) => [Math.sin(Math.PI * often * time), Math.cos(Math.PI * often * time)]);
    const given = network([...z, time, ...waves, ...classes.map((_, i) => (i === shownLabel ? 1 : 0))]);
    const [alpha, sigma] = parts(level);
    return z.map((value, i) => sigma * value + alpha * given[i]);
  };
  const way = [start];
  for (let step = 0; step < steps; step++) {
    const z = way[step];
    const [now, then] = [step, step + 1].map((i) => noisiest + ((cleanest - noisiest) * i) / steps);
    const known = noiseIn(z, now, label);
    const without = label >= 0 && guidance > 0 ? noiseIn(z, now, -1) : known;
    const [[alpha, sigma], [nextAlpha, nextSigma]] = [parts(now), parts(then)];
    way.push(z.map((value, i) => {
      const noise = known[i] + guidance * (known[i] - without[i]);
      return (nextAlpha * (value - sigma * noise)) / alpha + nextSigma * noise;
    }));
  }
  way[steps] = way[steps].map((value) => value / parts(cleanest)[0]);
  return way;
}

explore.probability_flow = (live, { shown, decoders, state, move }) => {
  const { codes, labels, colours, classes, range, center, spread, steps } = shown;
  const onTheWay = 5;
  const help =
    "Drag the ring, or focus the plane and use the arrow keys (Home: the origin), to choose a noise point. The line is " +
    "its way to a code, the dot. Ask for a digit, raise the guidance, and try few steps.";
  const words = readout();
  const dots = drawn("g", { "aria-hidden": "true" });
  const line = drawn("path", { class: "explorer-way" });
  const mark = marker();
  const end = drawn("circle", { r: 5, class: "explorer-dot" });
  const pad = plane(
    { label: "Noise and codes. Arrow keys move the noise point.", x: range, y: range, names: ["z1", "z2"],
      content: [dots, line, end, mark] },
    () => state.start,
    (start) => move({ start }),
  );
  dots.append(
    ...codes.map(([x, y], i) =>
      drawn("circle", { cx: pad.to.x(x), cy: pad.to.y(y), r: 2.2, fill: colours[labels[i]] })),
    ...classes.map((name, i) => nameOfClass(name, codes.filter((_, j) => labels[j] === i), pad.to)),
  );
  const count = choice("Steps", steps.map((value) => [value, String(value)]), (value) => move({ steps: Number(value) }));
  const label = choice("Ask for", [[-1, "any digit"], ...classes.map((name, i) => [i, name])], (value) =>
    move({ label: Number(value) }));
  const guidance = slider({ label: "Guidance", min: 0, max: 3, step: 0.5, shown: (value) => written(value, 1) }, (value) =>
    move({ guidance: value }));
  const image = picture(28, 28, "What the decoder makes of the code");
  image.canvas.classList.add("explorer-large");
  const stops = Array.from({ length: onTheWay }, (_, i) => picture(28, 28, `Stop ${i + 1} of ${onTheWay} on the way, decoded`));
  const strip = element("div", { class: "explorer-strip" }, ...stops.map(({ canvas }) => canvas));
  const decode = (z) => decoders.VAE(z.map((value, i) => value * spread[i] + center[i]));

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(column(caption("noise and codes"), pad.svg), column(caption("the code, decoded"), image.canvas)),
    caption("points on the way, decoded"),
    strip,
    row(count.node, label.node, guidance.node),
    words.node,
  );
  return () => {
    const way = probabilityFlow(decoders.network, shown, state.start, state.steps, state.label, state.guidance);
    const code = way[way.length - 1];
    count.set(state.steps);
    label.set(state.label);
    guidance.set(state.guidance);
    moveMarker(mark, pad.to, state.start);
    moveMarker(end, pad.to, code);
    line.setAttribute("d", pathOf(way, pad.to));
    stops.forEach(({ draw }, i) => draw(decode(way[Math.round((i * state.steps) / (onTheWay - 1))])));
    image.draw(decode(code));
    const calls = state.steps * (state.label >= 0 && state.guidance > 0 ? 2 : 1);
    words.say(
      `Noise (${state.start.map((value) => written(value)).join(", ")}) becomes the code ` +
        `(${code.map((value) => written(value)).join(", ")}), after ${calls} ${calls > 1 ? "calls" : "call"} of the ` +
        `network${state.label >= 0 ? `, asked for a ${classes[state.label]}` : ""}.`,
    );
  };
};
