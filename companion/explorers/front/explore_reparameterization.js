/* Chapter 03: draws of z follow mu and sigma, each with the gradient that it sends back. */

explore.reparameterization = (live, { shown, state, move }) => {
  const { noise, limits } = shown;
  const help =
    "Drag the point, or focus the plane and use the arrow keys: to the right for a larger mu, upwards for a larger " +
    "sigma. Every draw slides along its own line, because its epsilon stays. Each arrow is the slope of f(z) = z\u00b2 " +
    "at one draw, drawn downhill.";
  const words = readout();
  const mark = marker();
  const pad = plane(
    { label: "Mu and sigma. Arrow keys move them.", x: limits.mu, y: limits.sigma, width: 208, height: 208,
      names: ["mu", "sigma"], home: [0, 1], content: [mark] },
    () => [state.mu, state.sigma],
    ([mu, sigma]) => move({ mu, sigma }),
  );
  const range = [-5, 5];
  const bell = drawn("path", { class: "explorer-curve" });
  const draws = drawn("g");
  const view = drawing({ x: range, y: [0, 1.25], width: 400, height: 230, ends: ["\u22125", "5", ""] }, bell, draws);
  const [above, below] = [34, 196];
  draws.before(
    drawn("text", { x: 200, y: above - 12, "text-anchor": "middle", class: "explorer-tick" }, "epsilon, drawn from N(0, 1)"),
    drawn("text", { x: 200, y: 222, "text-anchor": "middle", class: "explorer-tick" }, "z = mu + sigma \u00d7 epsilon"),
  );
  const again = button("Draw new epsilon", () => move({ draw: (state.draw + 1) % noise.length }));

  const mean = (values) => sum(values) / values.length;
  const spread = (values) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
  function estimates() {
    const { mu, sigma } = state;
    const epsilon = noise[state.draw];
    const z = epsilon.map((value) => mu + sigma * value);
    return {
      epsilon,
      z,
      pathwise: z.map((value) => 2 * value),
      score: z.map((value, i) => (value ** 2 * epsilon[i]) / sigma),
    };
  }

  function drawLines({ epsilon, z }) {
    const toX = (value) => view.to.x(clamp(value, ...range));
    draws.replaceChildren(
      ...epsilon.flatMap((value, i) => {
        const [from, to] = [toX(value), toX(z[i])];
        // Downhill, and as long as the slope is steep.
        const tip = clamp(to - 8 * 2 * z[i], 2, 398);
        const side = Math.sign(tip - to) || 1;
        return [
          drawn("line", { x1: from, y1: above, x2: to, y2: below, class: "explorer-thread" }),
          drawn("circle", { cx: from, cy: above, r: 3, class: "explorer-dot" }),
          drawn("circle", { cx: to, cy: below, r: 3.5, class: "explorer-marker" }),
          drawn("path", { class: "explorer-arrow",
            // Each on a height of its own, or the arrows of near draws would hide one another.
            d: `M${to} ${below - 12 - 7 * i}H${tip}m${-4 * side} -3l${4 * side} 3l${-4 * side} 3` }),
        ];
      }),
    );
  }

  live.append(
    element("p", { class: "explorer-help" }, help),
    row(column(caption("mu and sigma"), pad.svg), column(caption("draws and slopes"), view.svg)),
    row(again),
    words.node,
  );
  return () => {
    const { mu, sigma } = state;
    const all = estimates();
    moveMarker(mark, pad.to, [mu, sigma]);
    bell.setAttribute("d", densityPath(mu, sigma, range, view.to));
    drawLines(all);
    words.say(
      `mu = ${written(mu)}, sigma = ${written(sigma)}; the exact gradient for mu is ${written(2 * mu)}.\n` +
        `Pathwise, mean of ${all.z.length} draws: ${written(mean(all.pathwise))}, one draw scatters by ${written(spread(all.pathwise))}.\n` +
        `Score function, the same draws: ${written(mean(all.score))}, one draw scatters by ${written(spread(all.score))}.`,
    );
  };
};
