/*
 * The training itself: it takes messages and posts snapshots, in a worker or, where none can be made, beside the page.
 * Like the core it is one function, whose text a worker can be made of.
 */
function trainerRoom(core, { images, trainCount, post, later, slice, now = () => performance.now() }) {
  const BATCH = 50;
  const MONITORED = 297;
  // Milliseconds: between two snapshots at least, between two steps in slow motion, and how long a page may take to draw.
  const [APART, SLOW, PATIENCE] = [40, 900, 500];
  // A snapshot takes as long as several steps: on a slow machine it may have a fifth of the time.
  const SHARE = 5;
  const EVALUATION_SEED = 20140;
  const train = images.slice(0, trainCount);
  const held = images.slice(trainCount);
  let settings, model, order, drawOrder, drawNoise, noise, fixed, turn, due, waiting, postedAt, took, points;
  let [running, id] = [false, 0];

  const perEpoch = Math.floor(trainCount / BATCH);

  function start(chosen) {
    settings = { ...chosen };
    const { hidden, latent, seed } = settings;
    // Weights, order and noise have streams of their own: a wider network meets the same batches.
    model = core.makeModel({ hidden, latent, seed: 3 * seed + 1 });
    [drawOrder, drawNoise] = [core.stream(3 * seed + 2), core.stream(3 * seed + 3)];
    order = train.map((_, i) => i);
    noise = new Float64Array(BATCH * latent);
    fixed = evaluationNoise(MONITORED * latent);
    [due, points, waiting, postedAt, took] = [0, [], false, 0, 0];
    turn += 1;
    measure();
    show();
  }

  /* The noise that evaluations use: always the same, so that a curve moves only where the weights do. */
  function evaluationNoise(count) {
    const { normal } = core.stream(EVALUATION_SEED);
    return Float64Array.from({ length: count }, normal);
  }

  function shuffle() {
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(drawOrder.uniform() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
  }

  function step() {
    const place = model.steps() % perEpoch;
    if (place === 0) shuffle();
    const batch = order.slice(place * BATCH, (place + 1) * BATCH).map((i) => train[i]);
    for (let i = 0; i < noise.length; i++) noise[i] = drawNoise.normal();
    model.gradients(batch, noise, settings.beta);
    model.adam(settings.rate);
    const steps = model.steps();
    if (steps % perEpoch === 0 || (steps <= 2 * perEpoch && steps % 5 === 0)) measure();
  }

  /* Mean terms with one draw per image: of all held-out images, and of as many training images. */
  function mean(some) {
    const total = [0, 0];
    some.forEach((image, n) => model.terms(image, fixed, n * settings.latent).forEach((nats, i) => (total[i] += nats)));
    return total.map((nats) => nats / some.length);
  }

  function measure() {
    const steps = model.steps();
    if (points.length && points[points.length - 1].steps === steps) return;
    points.push({ steps, epochs: steps / perEpoch, train: mean(train.slice(0, MONITORED)), held: mean(held.slice(0, MONITORED)) });
  }

  /* Everything that the page draws: weights, and the posterior of every image. */
  function show() {
    const began = now();
    const { latent } = settings;
    const codes = new Float32Array(images.length * latent);
    const logVars = new Float32Array(images.length * latent);
    images.forEach((image, n) => {
      const { mean: at, logVar } = model.encode(image);
      codes.set(at, n * latent);
      logVars.set(logVar, n * latent);
    });
    const weights = Object.fromEntries(Object.entries(model.weights).map(([name, array]) => [name, Float32Array.from(array)]));
    const buffers = [codes, logVars, ...Object.values(weights)].map(({ buffer }) => buffer);
    waiting = true;
    postedAt = now();
    post({ id, steps: model.steps(), epochs: model.steps() / perEpoch, running, settings: { ...settings }, codes, logVars,
      weights, points }, buffers);
    points = [];
    took = postedAt - began;
  }

  function rest() {
    running = false;
    measure();
    show();
  }

  function go(mine) {
    // A pause and a new start end the loop that was under way.
    if (!running || mine !== turn) return;
    if (settings.slow) {
      step();
      measure();
      due -= 1;
      if (due <= 0) return rest();
      show();
      return later(() => go(mine), SLOW);
    }
    // Nobody looks: the page is hidden, or the reader has scrolled on.
    if (waiting && now() - postedAt > PATIENCE) return later(() => go(mine), 100);
    const end = now() + slice;
    do {
      step();
      due -= 1;
    } while (due > 0 && now() < end);
    if (due <= 0) return rest();
    if (!waiting && now() - postedAt >= Math.max(APART, SHARE * took)) show();
    return later(() => go(mine), 0);
  }

  function run(count) {
    due = count;
    running = true;
    turn += 1;
    go(turn);
  }

  turn = 0;
  const doing = {
    start: ({ settings: chosen }) => {
      running = false;
      start(chosen);
    },
    set: ({ settings: changed }) => Object.assign(settings, changed),
    run: () => run(Infinity),
    step: () => run(1),
    epoch: () => run(perEpoch - (model.steps() % perEpoch)),
    pause: () => {
      turn += 1;
      rest();
    },
    shown: () => (waiting = false),
  };
  // A snapshot says which was the last message that it knows of.
  const receive = (message) => {
    id = message.id ?? id;
    doing[message.do](message);
  };
  return { receive, model: () => model, perEpoch };
}

/* Images as rows of bits, eight bytes each, as companion/explorers/supplies.py packs them. */
function unpackBits(bytes, count) {
  return Array.from({ length: count }, (_, n) =>
    Float64Array.from({ length: 64 }, (_, i) => (bytes[8 * n + (i >> 3)] >> (7 - (i & 7))) & 1));
}

/*
 * A room of its own thread. A worker made of a text can be had from a page that was opened from a folder, too. Where there
 * are no workers, the room stands beside the page and works in short slices.
 */
function openRoom(bytes, count, trainCount, hear) {
  const program = `"use strict";
${trainerCore}
${trainerRoom}
${unpackBits}
onmessage = ({ data: { bytes, count, trainCount } }) => {
  const { port1, port2 } = new MessageChannel();
  let next = null;
  port1.onmessage = () => next && next();
  // A worker's own timers wait for at least 4 ms when they follow each other.
  const later = (job, wait) => (wait ? setTimeout(job, wait) : ((next = job), port2.postMessage(0)));
  const room = trainerRoom(trainerCore(), { images: unpackBits(bytes, count), trainCount, post: postMessage, later, slice: 16 });
  onmessage = ({ data }) => room.receive(data);
};`;
  try {
    const address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
    const worker = new Worker(address);
    worker.onmessage = ({ data }) => hear(data);
    worker.postMessage({ bytes, count, trainCount });
    return { send: (message) => worker.postMessage(message), worker };
  } catch {
    const images = unpackBits(bytes, count);
    const post = (message) => setTimeout(() => hear(message));
    const room = trainerRoom(trainerCore(), { images, trainCount, post, later: setTimeout, slice: 6 });
    return { send: (message) => room.receive(message) };
  }
}
