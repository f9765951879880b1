/* The latent plane of the trainer: every image's code as a dot, one posterior as an ellipse, the pull of each term. */

const PLANE_SIDE = 340;
const REACHES = [4, 6, 10, 16, 25, 40, 65, 100];
const LONGEST_ARROW = 74;

/* `position` gives the reader's point, `onMove` takes where it is to go. */
function trainerPlane({ labels, colours, label }, position, onMove) {
  const [x, y] = [[-4, 4], [-4, 4]];
  const canvas = element("canvas", { class: "trainer-dots", "aria-hidden": "true" });
  const prior = drawn("g", { "aria-hidden": "true", class: "trainer-prior" },
    ...[1, 2].map(() => drawn("circle", { fill: "none" })), drawn("text", { class: "explorer-label" }, "prior"));
  const [wide, narrow] = [drawn("ellipse", { class: "trainer-wide" }), drawn("ellipse", { class: "trainer-narrow" })];
  const heart = drawn("circle", { r: 4.5, class: "trainer-heart" });
  const arrows = drawn("g", {});
  const point = drawn("path", { class: "trainer-point" });
  const names = drawn("g", { "aria-hidden": "true" });
  const content = [prior, drawn("g", { "aria-hidden": "true" }, wide, narrow, heart, names, arrows, point)];
  const pad = plane({ label, x, y, names: ["z1", "z2"], width: PLANE_SIDE, height: PLANE_SIDE, content }, position, onMove);
  const { svg, to } = pad;
  svg.style.width = "";
  const kinds = [...new Set(labels)].sort().map((kind) => labels.flatMap((own, i) => (own === kind ? [i] : [])));
  const inks = colours.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

  /* A heading at each size of plane: far codes come into view at once, near ones only when all have come back. */
  function fit(codes, latent) {
    const far = [];
    for (let i = 0; i < codes.length; i += 7 * latent) far.push(Math.max(Math.abs(codes[i]), Math.abs(codes[i + 1])));
    const needed = 1.08 * far.sort((a, b) => a - b)[Math.floor(0.985 * far.length)];
    const now = x[1];
    const next = REACHES.find((reach) => reach >= needed) || REACHES[REACHES.length - 1];
    if (next > now || needed < 0.85 * next) setReach(next);
  }

  function setReach(reach) {
    if (reach === x[1]) return;
    for (const range of [x, y]) range.splice(0, 2, -reach, reach);
    svg.firstChild.replaceWith(axes({ x, y, width: PLANE_SIDE, height: PLANE_SIDE, names: ["z1", "z2"] }));
    drawPrior();
  }

  function drawPrior() {
    const unit = to.x(1) - to.x(0);
    const [one, two, word] = prior.children;
    [one, two].forEach((ring, i) => {
      put(ring, { cx: to.x(0), cy: to.y(0), r: unit * (i + 1) }, []);
    });
    put(word, { x: to.x(0) + 1.45 * unit, y: to.y(0) - 1.45 * unit - 4 }, []);
    prior.style.display = unit < 12 ? "none" : "";
    word.style.display = unit < 34 ? "none" : "";
  }

  /*
   * Each dot is a small stamp in the picture's own bytes: a tenth of the time that 1,797 circles take. Where two dots
   * overlap, the one that covers more of a pixel is seen.
   */
  const stamps = new Map();
  function stampOf(density) {
    if (!stamps.has(density)) {
      const radius = 2.1 * density;
      const reach = Math.ceil(radius + 0.5);
      const spots = [];
      for (let dy = -reach; dy <= reach; dy++) {
        for (let dx = -reach; dx <= reach; dx++) {
          const cover = clamp(radius + 0.5 - Math.hypot(dx, dy), 0, 1);
          if (cover > 0) spots.push([dx, dy, Math.round(255 * cover)]);
        }
      }
      stamps.set(density, spots);
    }
    return stamps.get(density);
  }

  let sheet;
  function drawDots(codes, latent) {
    const density = Math.min(window.devicePixelRatio || 1, 2);
    const side = Math.round(PLANE_SIDE * density);
    const context = canvas.getContext("2d");
    if (canvas.width !== side || !sheet) {
      [canvas.width, canvas.height] = [side, side];
      sheet = context.createImageData(side, side);
    }
    const { data } = sheet;
    data.fill(0);
    const spots = stampOf(density);
    for (let i = 0; i < labels.length; i++) {
      const across = Math.round(density * to.x(codes[i * latent]));
      const down = Math.round(density * to.y(codes[i * latent + 1]));
      const [red, green, blue] = inks[labels[i]];
      for (const [dx, dy, cover] of spots) {
        const [px, py] = [across + dx, down + dy];
        if (px < 0 || py < 0 || px >= side || py >= side) continue;
        const at = 4 * (py * side + px);
        if (data[at + 3] > cover) continue;
        data[at] = red;
        data[at + 1] = green;
        data[at + 2] = blue;
        data[at + 3] = cover;
      }
    }
    context.putImageData(sheet, 0, 0);
  }

  /* The name of each class at the middle of its codes, unless another stands there; none while all codes are one heap. */
  function drawNames(codes, latent) {
    const placed = [];
    const words = kinds.flatMap((own) => {
      const middle = (axis) => own.map((i) => codes[i * latent + axis]).sort((a, b) => a - b)[own.length >> 1];
      const at = [to.x(middle(0)), to.y(middle(1))];
      if (placed.some((other) => Math.hypot(other[0] - at[0], other[1] - at[1]) < 17)) return [];
      placed.push(at);
      return [drawn("text", { x: at[0], y: at[1] + 6, "text-anchor": "middle", class: "explorer-word" }, labels[own[0]])];
    });
    names.replaceChildren(...(words.length < 4 ? [] : words));
  }

  function drawPosterior([mean1, mean2], [logVar1, logVar2]) {
    const unit = to.x(1) - to.x(0);
    const radii = [logVar1, logVar2].map((value) => unit * Math.exp(0.5 * value));
    const at = { cx: to.x(mean1), cy: to.y(mean2) };
    put(narrow, { ...at, rx: radii[0], ry: radii[1] }, []);
    put(wide, { ...at, rx: 2 * radii[0], ry: 2 * radii[1] }, []);
    put(heart, at, []);
    return { at, radii };
  }

  /*
   * The pull of each term on the mean, from the middle, and on the two widths, from the rim. The longest arrow on the
   * means has a fixed length, and so has the longest on the widths.
   */
  function drawPulls(pulls, { at, radii }) {
    if (!pulls) return arrows.replaceChildren();
    const both = [["reconstruction", pulls.reconstruction], ["prior", pulls.prior]];
    const scaleOf = (part, longest) =>
      longest / Math.max(1e-3, ...both.map(([, { [part]: [a, b] }]) => Math.hypot(a, b)));
    const [onMean, onWidth] = [scaleOf("mean", LONGEST_ARROW), scaleOf("logVar", 26)];
    arrows.replaceChildren(...both.flatMap(([name, { mean, logVar }], i) => [
      ...arrow(at.cx, at.cy, onMean * mean[0], -onMean * mean[1], name),
      ...arrow(at.cx + radii[0], at.cy + 4 - 8 * i, onWidth * logVar[0], 0, name),
      ...arrow(at.cx + 4 - 8 * i, at.cy - radii[1], 0, -onWidth * logVar[1], name),
    ]));
  }

  function arrow(px, py, dx, dy, name) {
    const length = Math.hypot(dx, dy);
    if (length < 2) return [];
    const [ux, uy, head] = [dx / length, dy / length, Math.min(8, 0.6 * length)];
    const [tx, ty] = [px + dx, py + dy];
    const wing = (side) => `L${tx - head * (ux + 0.5 * side * uy)} ${ty - head * (uy - 0.5 * side * ux)}`;
    const d = `M${px} ${py}L${tx} ${ty}M${tx} ${ty}${wing(1)}${wing(-1)}Z`;
    return [drawn("path", { d, class: "trainer-halo" }), drawn("path", { d, class: `trainer-pull trainer-${name}` })];
  }

  function drawPoint([z1, z2]) {
    const [px, py] = [to.x(z1), to.y(z2)];
    point.setAttribute("d", `M${px - 9} ${py}h18M${px} ${py - 9}v18M${px - 6} ${py}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0`);
  }

  drawPrior();
  const frame = element("div", { class: "trainer-plane" }, canvas, svg);
  return { frame, fit, drawDots, drawNames, drawPosterior, drawPulls, drawPoint };
}
