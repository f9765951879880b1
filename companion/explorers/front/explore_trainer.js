/* Chapter 00 and the front page: a VAE that trains while one looks, in a thread of its own. */

const BETAS = [0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16];
const RATES = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02];
const WIDTHS = [8, 16, 32, 64, 128, 256];
const LATENTS = [2, 4, 8];
const PULL_DRAWS = 64;

explore.trainer = (live, { shown, state, move }) => {
  live.classList.add("trainer");
  const count = shown.labels.length;
  const labels = [...shown.labels].map(Number);
  const bytes = bytesOfBase64(shown.images);
  const images = unpackBits(bytes, count);
  const core = trainerCore();
  const points = history();
  const words = readout();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let room, snapshot, view, applied, from, arrivedAt, gap, lastZ, followed, note, spoken;
  let [running, unanswered, visible, lastId, framed] = [false, false, true, 0, false];

  const settings = () => {
    const { hidden, latent, seed, beta, rate, slow } = state;
    return { hidden, latent, seed, beta, rate, slow };
  };
  const local = trainerRoom(core, { images, trainCount: shown.train, post: take, later: () => {}, slice: 0 });

  /* ---- What a hand can do ---------------------------------------------------------------------------------- */

  /* Until something has to be computed for longer than a moment there is no second thread. */
  function tell(message) {
    if (!room) {
      room = openRoom(bytes, count, shown.train, take);
      room.send({ do: "start", settings: settings(), id: lastId });
    }
    lastId += 1;
    room.send({ ...message, id: lastId });
  }

  function act(what, said = "") {
    note = said;
    running = what !== "pause";
    tell({ do: what });
    paint();
  }

  function restart() {
    applied = settings();
    running = false;
    if (room) tell({ do: "start", settings: applied });
    else local.receive({ do: "start", settings: applied });
  }

  const play = button("", () => act(running ? "pause" : "run"));
  play.classList.add("trainer-play");
  const once = button("One step", () => act("step", "One step of 50 images."));
  const epoch = button("One epoch", () => act("epoch", "One epoch: each training image once."));
  const slow = button("Slow motion", () => move({ slow: !state.slow }));
  const over = button("Start over", () => {
    note = state.same ? "Started over: the same weights and the same noise." : "Started over: new weights and new noise.";
    if (state.same) restart();
    move(state.same ? {} : { seed: state.seed + 1 });
  });
  const same = tick("same noise again", (chosen) => move({ same: chosen }));
  const nearestStop = (beta) => BETAS.reduce((best, each, i) => (Math.abs(each - beta) < Math.abs(BETAS[best] - beta) ? i : best), 0);
  const beta = slider({ label: "beta", min: 0, max: BETAS.length - 1, step: 1, shown: () => String(state.beta) },
    (stop) => move({ beta: BETAS[stop] }));
  beta.node.classList.add("trainer-beta");
  const numbersOf = (all, unit = "") => all.map((value) => [value, `${value}${unit}`]);
  const rate = choice("learning rate", numbersOf(RATES), (value) => move({ rate: Number(value) }));
  const hidden = choice("hidden units", numbersOf(WIDTHS), (value) => move({ hidden: Number(value) }));
  const latent = choice("code", numbersOf(LATENTS, " numbers"), (value) => move({ latent: Number(value) }));
  const save = button("Download this model", () => {
    const name = `vae_64-${snapshot.settings.hidden}-${snapshot.settings.latent}_step${snapshot.steps}.npz`;
    download(name, npzOf(arraysOf(snapshot)));
    note = `Saved as ${name}. In Python: companion.explorers.load_trained("${name}").`;
    paint();
  });

  /* ---- What is seen ---------------------------------------------------------------------------------------- */

  const pad = trainerPlane(
    { labels, colours: shown.colours, label: "The latent plane. Arrow keys move the cross; the nearest code is followed." },
    () => state.z,
    (z) => {
      note = "";
      move({ z });
    },
  );
  const pictures = trainerPictures(images, labels, shown.train);
  const curves = trainerCurves();

  function take(message) {
    // What was posted before the last command does not know whether it trains now.
    if (message.id === lastId) running = message.running;
    from = snapshot && snapshot.codes.length === message.codes.length && !still ? snapshot.codes : message.codes;
    gap = state.slow ? 450 : clamp(performance.now() - (arrivedAt || 0), 30, 120);
    arrivedAt = performance.now();
    snapshot = message;
    const { hidden: width, latent: size } = message.settings;
    if (!view || view.key !== `${width}-${size}`) view = { key: `${width}-${size}`, model: core.makeModel({ hidden: width, latent: size }) };
    for (const [name, array] of Object.entries(message.weights)) view.model.weights[name].set(array);
    points.add(message.points);
    pad.fit(message.codes, size);
    unanswered = Boolean(room);
    pad.drawNames(message.codes, size);
    if (room) schedule();
  }

  function answer() {
    if (room && visible) room.send({ do: "shown" });
  }

  /* Between two snapshots the dots glide; everything else is drawn once per snapshot. */
  function schedule() {
    if (framed) return;
    framed = true;
    requestAnimationFrame(frame);
  }

  function frame() {
    framed = false;
    if (unanswered) {
      unanswered = false;
      paint();
      answer();
    }
    const part = Math.min(1, (performance.now() - arrivedAt) / gap);
    pad.drawDots(between(from, snapshot.codes, part), snapshot.settings.latent);
    if (part < 1) schedule();
  }

  function between(first, second, part) {
    if (part >= 1 || first === second) return second;
    return second.map((value, i) => first[i] + part * (value - first[i]));
  }

  function nearest([z1, z2]) {
    const size = snapshot.settings.latent;
    let [best, least] = [0, Infinity];
    for (let i = 0; i < count; i++) {
      const distance = (snapshot.codes[i * size] - z1) ** 2 + (snapshot.codes[i * size + 1] - z2) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  function paint() {
    const size = snapshot.settings.latent;
    if (!lastZ || lastZ.some((value, i) => value !== state.z[i])) followed = nearest(state.z);
    lastZ = [...state.z];
    const own = (array) => array.subarray(followed * size, followed * size + size);
    const noise = state.slow && pullNoise(core, size);
    const pulls = noise && view.model.pulls(images[followed], noise, state.beta);
    pad.drawPulls(pulls, pad.drawPosterior(own(snapshot.codes), own(snapshot.logVars)));
    pad.drawPoint(state.z);
    pictures.draw(view.model, size, followed, state.z);
    curves.draw(points.points());
    const text = said(pulls).join("\n");
    if (play.dataset.shows !== String(running)) play.replaceChildren(icon(running), running ? "Pause" : "Play");
    play.dataset.shows = running;
    if (text !== spoken) words.say(text);
    spoken = text;
  }

  function said(pulls) {
    const [z1, z2] = state.z.map((value) => written(value));
    const again = state.same ? "repeats this run" : "draws new weights and noise";
    const lines = [
      `The cross is at (${z1}, ${z2}). The digit that is followed had the nearest code; it is a ${labels[followed]}.`,
      `Network 64-${state.hidden}-${state.latent}, beta ${state.beta}, learning rate ${state.rate}, seed ${state.seed}; starting over ${again}.`,
    ];
    const all = points.points();
    if (running) lines.push(note || "It trains.");
    else {
      const [miss, nats] = all[all.length - 1].held;
      lines.push(`After step ${snapshot.steps}: reconstruction error ${written(miss)} + KL ${written(nats)} = \u2212ELBO ` +
        `${written(miss + nats)} nats per held-out image.${note ? ` ${note}` : ""}`);
    }
    if (pulls) {
      const pull = ({ mean }) => `(${written(mean[0])}, ${written(mean[1])})`;
      lines.push(`Pull on its mean: reconstruction ${pull(pulls.reconstruction)}, ${state.beta} times the KL ${pull(pulls.prior)}.`);
    }
    return lines;
  }

  live.append(
    element("style", {}, TRAINER_STYLE),
    element("p", { class: "explorer-help" }, shown.help),
    element("div", { class: "trainer-bar" }, play, once, epoch, slow, over, same.node),
    beta.node,
    element("div", { class: "trainer-stage" }, pad.frame, pictures.node),
    curves.node,
    element("div", { class: "trainer-settings" }, hidden.node, latent.node, rate.node, save),
    words.node,
  );
  new IntersectionObserver(([{ isIntersecting }]) => {
    visible = isIntersecting;
    if (visible) answer();
  }).observe(live);
  return () => {
    for (const [control, value] of [[beta, nearestStop(state.beta)], [rate, state.rate], [hidden, state.hidden],
      [latent, state.latent], [same, state.same]]) control.set(value);
    slow.setAttribute("aria-pressed", String(state.slow));
    const now = settings();
    const shape = ({ hidden: width, latent: size, seed }) => `${width} ${size} ${seed}`;
    if (!applied || shape(now) !== shape(applied)) restart();
    else if (JSON.stringify(now) !== JSON.stringify(applied)) {
      applied = now;
      if (room) room.send({ do: "set", settings: now });
    }
    paint();
    if (!room) pad.drawDots(snapshot.codes, snapshot.settings.latent);
  };
};

/* A triangle, or two bars. */
const icon = (running) => drawn("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" },
  drawn("path", { fill: "currentcolor", d: running ? "M1 0h3.5v12H1zM7.5 0H11v12H7.5z" : "M1 0L12 6L1 12Z" }));

/* The draws over which the pulls are averaged: always the same, so that arrows turn only when the weights change. */
function pullNoise(core, size) {
  const { normal } = core.stream(1409);
  return Float64Array.from({ length: PULL_DRAWS * size }, normal);
}

/* The model of a snapshot as arrays of a file, and beside its weights the settings that it was trained with. */
function arraysOf({ weights, settings, steps }) {
  const shapes = trainerCore().makeModel(settings).shapes;
  const alone = (value) => ({ shape: [], values: [value] });
  return {
    ...Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, { shape: shapes[name], values }])),
    beta: alone(settings.beta), learning_rate: alone(settings.rate), steps: alone(steps), seed: alone(settings.seed),
  };
}
