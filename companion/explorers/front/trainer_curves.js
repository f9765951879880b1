/* The curves of the trainer: both terms and their sum, in nats per image, for training and held-out images. */

const CURVE = { width: 220, height: 112, left: 6, right: 214, top: 8, bottom: 98 };
const MOST_POINTS = 400;

/* Points in the order of training. When there are too many, every second one is dropped: memory stays what it is. */
function history() {
  let points = [];
  const add = (more) => {
    for (const point of more) {
      // A start over, or the same measurement again.
      if (points.length && point.steps <= points[points.length - 1].steps) points = points.filter(({ steps }) => steps < point.steps);
      points.push(point);
    }
    if (points.length > MOST_POINTS) points = points.filter((_, i) => i % 2 === 0 || i === points.length - 1);
  };
  return { add, clear: () => (points = []), points: () => points };
}

const TERMS = {
  reconstruction: { name: "reconstruction error", of: ([miss]) => miss },
  prior: { name: "KL", of: ([, nats]) => nats },
  elbo: { name: "\u2212ELBO", of: ([miss, nats]) => miss + nats },
};

function trainerCurves() {
  const panels = Object.entries(TERMS).map(([key, { name, of }]) => {
    const lines = { train: drawn("path", { class: `trainer-line trainer-${key}` }),
      held: drawn("path", { class: `trainer-line trainer-held trainer-${key}` }) };
    const [high, low, span] = [drawn("text", { x: 4, y: 11, class: "explorer-tick" }),
      drawn("text", { x: 4, y: CURVE.height - 4, class: "explorer-tick" }),
      drawn("text", { x: CURVE.width - 4, y: CURVE.height - 4, "text-anchor": "end", class: "explorer-tick" })];
    const svg = drawn("svg", { viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, class: "trainer-curve", "aria-hidden": "true" },
      drawn("rect", { width: CURVE.width, height: CURVE.height, class: "explorer-ground" }), lines.train, lines.held, high, low, span);
    const value = element("strong", { class: "trainer-nats" });
    const title = element("div", { class: `trainer-term trainer-${key}` }, element("span", {}, name), value);
    return { of, lines, high, low, span, value, node: element("div", { class: "trainer-panel" }, title, svg) };
  });

  let drawnLast;
  function draw(points) {
    const last = points[points.length - 1];
    if (!last || last === drawnLast) return;
    drawnLast = last;
    for (const { of, lines, high, low, span, value } of panels) {
      const all = points.flatMap(({ train, held }) => [of(train), of(held)]);
      const [least, most] = [Math.min(...all), Math.max(...all)];
      const room = Math.max(most - least, 1);
      const epochs = Math.max(last.epochs, 1);
      const place = (epoch, nats) => [CURVE.left + ((CURVE.right - CURVE.left) * epoch) / epochs,
        CURVE.bottom - ((CURVE.bottom - CURVE.top - 8) * (nats - least)) / room];
      for (const set of ["train", "held"]) {
        lines[set].setAttribute("d", points.map((each, i) => {
          const [px, py] = place(each.epochs, of(each[set]));
          return `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
        }).join(""));
      }
      high.textContent = written(most, 1);
      low.textContent = written(least, 1);
      span.textContent = `epoch ${written(last.epochs, last.epochs < 10 ? 1 : 0)}`;
      value.textContent = written(of(last.held), 1);
    }
  }
  const key = element("p", { class: "trainer-key" }, "nats per image; solid: training images, dashed: held-out images, whose value stands above");
  const signs = ["+", "="].map((sign) => element("span", { class: "trainer-sign", "aria-hidden": "true" }, sign));
  const node = element("div", { class: "trainer-curves" }, panels[0].node, signs[0], panels[1].node, signs[1], panels[2].node);
  return { node: element("div", {}, node, key), draw };
}
