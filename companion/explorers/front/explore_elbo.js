/* Chapter 04: q is moved over the exact posterior; both terms of the ELBO, and what is missing to log p(x). */

explore.elbo = (live, { shown, state, move }) => {
  const { model, limits } = shown;
  const help =
    "Drag the point, or focus the plane and use the arrow keys: to the right for a larger mean of q, upwards for a wider " +
    "q. Lay q over the exact posterior and watch the gap close; then change the observation x.";
  const words = readout();
  const mark = marker();
  const pad = plane(
    { label: "Mean and width of q. Arrow keys move them.", x: limits.mu, y: limits.sigma, width: 208, height: 208,
      names: ["mu", "sigma"], home: [0, 1], content: [mark] },
    () => [state.mu, state.sigma],
    ([mu, sigma]) => move({ mu, sigma }),
  );
  const range = [-3.5, 3.5];
  const curves = { prior: "explorer-way", posterior: "explorer-curve", q: "explorer-strong" };
  const paths = Object.fromEntries(Object.entries(curves).map(([name, style]) => [name, drawn("path", { class: style })]));
  const view = drawing({ x: range, y: [0, 1.6], width: 400, height: 130, names: ["z"], ends: ["\u22123.5", "3.5", ""] }, ...Object.values(paths));
  const bars = drawn("svg", { viewBox: "0 0 400 112", class: "explorer-drawing", "aria-hidden": "true" });
  bars.style.width = "400px";
  const observation = slider({ label: "x", min: limits.x[0], max: limits.x[1], step: 0.1 }, (x) => move({ x }));
  const match = button("Lay q on the posterior", () => move(exactModel(model, state.x).posterior));

  const nats = [-16, 0];
  const toX = (value) => ((clamp(value, ...nats) - nats[0]) / (nats[1] - nats[0])) * 400;
  function bar(position, name, from, to, style) {
    const [left, right] = [Math.min(toX(from), toX(to)), Math.max(toX(from), toX(to))];
    const y = 4 + 24 * position;
    return [
      drawn("rect", { x: left, y, width: Math.max(right - left, 1), height: 18, class: style }),
      drawn("text", { x: 3, y: y + 13, class: "explorer-label" }, `${name} ${written(to - from)}`),
    ];
  }
  function drawBars({ reconstruction, elbo, gap }, logEvidence) {
    const line = toX(logEvidence);
    bars.replaceChildren(
      drawn("rect", { width: 400, height: 112, class: "explorer-ground" }),
      ...bar(0, "reconstruction", 0, reconstruction, "explorer-bar-a"),
      ...bar(1, "minus KL", reconstruction, elbo, "explorer-bar-b"),
      ...bar(2, "gap", elbo, elbo + gap, "explorer-bar-c"),
      drawn("line", { x1: line, x2: line, y1: 0, y2: 96, class: "explorer-curve" }),
      drawn("text", { x: line + (line > 300 ? -4 : 4), y: 90, "text-anchor": line > 300 ? "end" : "start",
        class: "explorer-label" }, `log p(x) ${written(logEvidence)}`),
      drawn("text", { x: 3, y: 108, class: "explorer-tick" }, `${written(nats[0], 0)} nats`),
      drawn("text", { x: 397, y: 108, "text-anchor": "end", class: "explorer-tick" }, "0"),
    );
  }

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(
      column(caption("mean and width of q"), pad.svg),
      column(caption("prior (dashed), exact posterior (thin), q (thick)"), view.svg, bars),
    ),
    row(observation.node, match),
    words.node,
  );
  return () => {
    const { mu, sigma, x } = state;
    const { posterior, logEvidence, terms } = exactModel(model, x);
    const found = terms({ mu, sigma });
    observation.set(x);
    moveMarker(mark, pad.to, [mu, sigma]);
    for (const [name, at] of [["prior", { mu: 0, sigma: 1 }], ["posterior", posterior], ["q", { mu, sigma }]]) {
      paths[name].setAttribute("d", densityPath(at.mu, at.sigma, range, view.to));
    }
    drawBars(found, logEvidence);
    words.say(
      `q = N(${written(mu)}, ${written(sigma)}\u00b2); exact posterior N(${written(posterior.mu)}, ${written(posterior.sigma)}\u00b2).\n` +
        `Reconstruction ${written(found.reconstruction)}, KL ${written(found.kl)}, ELBO ${written(found.elbo)}; ` +
        `log p(x) ${written(logEvidence)}, so the gap is ${written(found.gap)} nats.`,
    );
  };
};
