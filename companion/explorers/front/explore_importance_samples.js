/* Chapter 10: k draws from q, their weights, what they are worth, and the bound that they give. */

explore.importance_samples = (live, { shown, state, move }) => {
  const { model, limits, noise, counts, observation } = shown;
  const { posterior, logEvidence, logWeight, terms } = exactModel(model, observation);
  const help =
    "Choose how many draws are made. Drag the point, or focus the plane and use the arrow keys, to move q: to the right " +
    "for a larger mean, upwards for a wider q. Every stem is a draw, as high as its share of the weight.";
  const words = readout();
  const mark = marker();
  const pad = plane(
    { label: "Mean and width of q. Arrow keys move them.", x: limits.mu, y: limits.sigma, width: 208, height: 208,
      names: ["mu", "sigma"], home: [0, 1], content: [mark] },
    () => [state.mu, state.sigma],
    ([mu, sigma]) => move({ mu, sigma }),
  );
  const range = [-3.5, 3.5];
  const exact = drawn("path", { class: "explorer-curve" });
  const proposal = drawn("path", { class: "explorer-strong" });
  const stems = drawn("g");
  const view = drawing({ x: range, y: [0, 1.6], width: 400, height: 120, names: ["z"], ends: ["\u22123.5", "3.5", ""] }, exact, proposal, stems);
  const bound = drawn("path", { class: "explorer-curve" });
  const here = marker();
  const nats = [Math.floor(logEvidence) - 3, Math.ceil(logEvidence)];
  const last = counts.length - 1;
  const chart = drawing({ x: [0, last], y: nats, width: 400, height: 120, ends: [`k = ${counts[0]}`, `k = ${counts[last]}`, `${written(nats[1], 0)} nats`] }, bound, here);
  chart.svg.append(
    drawn("line", { x1: 0, x2: 400, y1: chart.to.y(logEvidence), y2: chart.to.y(logEvidence), class: "explorer-way" }),
    drawn("text", { x: 397, y: chart.to.y(logEvidence) - 5, "text-anchor": "end", class: "explorer-label" },
      `log p(x) = ${written(logEvidence)}`),
  );
  const number = slider({ label: "Draws k", min: 0, max: last, step: 1, shown: (i) => String(counts[i]) }, (i) =>
    move({ k: counts[i] }));
  const again = button("Draw again", () => move({ draw: (state.draw + 1) % noise.length }));

  /* The mean over all recorded draws of the bound with k of them, for each k. */
  function bounds(q) {
    const logs = noise.map((row) => row.map((value) => logWeight(q.mu + q.sigma * value, q)));
    return counts.map((k) => sum(logs.map((row) => logMeanExp(row.slice(0, k)))) / logs.length);
  }

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(
      column(caption("mean and width of q"), pad.svg),
      column(caption("exact posterior (thin), q (thick), shares of the draws"), view.svg,
        caption(`the bound by the number of draws, from ${counts[0]} to ${counts[last]}`), chart.svg),
    ),
    row(number.node, again),
    words.node,
  );
  return () => {
    const q = { mu: state.mu, sigma: state.sigma };
    const z = noise[state.draw].slice(0, state.k).map((value) => q.mu + q.sigma * value);
    const logs = z.map((value) => logWeight(value, q));
    const total = logMeanExp(logs) + Math.log(logs.length);
    const shares = logs.map((log) => Math.exp(log - total));
    const worth = 1 / sum(shares.map((share) => share ** 2));
    const means = bounds(q);
    const position = counts.indexOf(state.k);
    number.set(position);
    moveMarker(mark, pad.to, [q.mu, q.sigma]);
    exact.setAttribute("d", densityPath(posterior.mu, posterior.sigma, range, view.to));
    proposal.setAttribute("d", densityPath(q.mu, q.sigma, range, view.to));
    const inside = (value) => clamp(value, ...nats);
    bound.setAttribute("d", pathOf(means.map((value, i) => [i, inside(value)]), chart.to));
    moveMarker(here, chart.to, [position, inside(means[position])]);
    stems.replaceChildren(
      ...z.flatMap((value, i) => {
        const [x, top] = [view.to.x(clamp(value, ...range)), view.to.y(1.5 * shares[i])];
        return [
          drawn("line", { x1: x, x2: x, y1: 120, y2: top, class: "explorer-stem" }),
          drawn("circle", { cx: x, cy: top, r: 3, class: "explorer-dot" }),
        ];
      }),
    );
    words.say(
      `${state.k} ${state.k === 1 ? "draw" : "draws"}: the largest share is ${written(Math.max(...shares))}, and they are worth ${written(worth, 1)} equal ones.\n` +
        `These draws give ${written(logMeanExp(logs))}; the bound, a mean over ${noise.length} sets of draws, is ${written(means[position])}, ` +
        `log p(x) is ${written(logEvidence)}, and the ELBO is ${written(terms(q).elbo)} nats.`,
    );
  };
};
