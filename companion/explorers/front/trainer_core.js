/*
 * A VAE of dense layers, its gradients and Adam, written out by hand: 64 pixels, one hidden layer, a normal code, the same
 * way back. It computes what companion.vae.VAE computes with the dense pair of companion.networks; a test compares both.
 *
 * Everything is inside one function, so that its text can be handed to a worker. Losses are in nats per image.
 */
function trainerCore() {
  const PIXELS = 64;
  // The log variance is bounded as in companion.networks.
  const BOUND = 10;
  const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };

  /* Uniform and normal draws that are the same for the same seed, on every machine. */
  function stream(seed) {
    let state = (Math.imul(seed, 2654435761) + 1) >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
    };
    const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normal };
  }

  /* The arrays in the order in which Keras lists them: those of the encoder, then those of the decoder. */
  const shapesOf = (hidden, latent) => ({
    encoder_hidden_kernel: [PIXELS, hidden], encoder_hidden_bias: [hidden],
    z_mean_kernel: [hidden, latent], z_mean_bias: [latent],
    raw_log_var_kernel: [hidden, latent], raw_log_var_bias: [latent],
    decoder_hidden_kernel: [latent, hidden], decoder_hidden_bias: [hidden],
    pixels_kernel: [hidden, PIXELS], pixels_bias: [PIXELS],
  });

  const zeros = (shapes) =>
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) =>
      [name, new Float64Array(shape.reduce((product, size) => product * size, 1))]));

  /* Glorot's uniform weights, as Keras begins with; biases are 0. */
  function initial(shapes, seed) {
    const { uniform } = stream(seed);
    const weights = zeros(shapes);
    for (const [name, [rows, columns]] of Object.entries(shapes)) {
      if (columns === undefined) continue;
      const limit = Math.sqrt(6 / (rows + columns));
      for (let i = 0; i < rows * columns; i++) weights[name][i] = limit * (2 * uniform() - 1);
    }
    return weights;
  }

  /* outputs = bias + inputs kernel; inputs that are 0 are skipped: a white pixel, a unit that a relu has switched off. */
  function dense(inputs, kernel, bias, outputs) {
    const width = outputs.length;
    outputs.set(bias);
    for (let i = 0; i < inputs.length; i++) {
      const value = inputs[i];
      if (value === 0) continue;
      for (let j = 0, at = i * width; j < width; j++, at++) outputs[j] += value * kernel[at];
    }
  }

  /*
   * Adds the gradients of a dense layer to those of its arrays; `back`, if given, gets the gradient of its inputs. Inputs
   * that are 0 are skipped if `gated`: they come from a relu, which passes no gradient there.
   */
  function denseBack(inputs, kernel, slope, kernelSlope, biasSlope, back, gated = true) {
    const width = slope.length;
    for (let j = 0; j < width; j++) biasSlope[j] += slope[j];
    for (let i = 0; i < inputs.length; i++) {
      const value = inputs[i];
      if (value === 0 && gated) continue;
      let total = 0;
      for (let j = 0, at = i * width; j < width; j++, at++) {
        kernelSlope[at] += value * slope[j];
        total += kernel[at] * slope[j];
      }
      if (back) back[i] += total;
    }
  }

  const relu = (values) => {
    for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
  };

  function makeModel({ hidden, latent, seed = 0, weights }) {
    const shapes = shapesOf(hidden, latent);
    const w = weights || initial(shapes, seed);
    const slopes = zeros(shapes);
    const [first, second] = [zeros(shapes), zeros(shapes)];
    const names = Object.keys(shapes);
    const size = (count) => new Float64Array(count);
    const [h, mean, raw, logVar, z, g, logits] =
      [size(hidden), size(latent), size(latent), size(latent), size(latent), size(hidden), size(PIXELS)];
    const [dh, dMean, dRaw, dz, dg, dLogits] =
      [size(hidden), size(latent), size(latent), size(latent), size(hidden), size(PIXELS)];
    let steps = 0;

    function encode(image) {
      dense(image, w.encoder_hidden_kernel, w.encoder_hidden_bias, h);
      relu(h);
      dense(h, w.z_mean_kernel, w.z_mean_bias, mean);
      dense(h, w.raw_log_var_kernel, w.raw_log_var_bias, raw);
      for (let i = 0; i < latent; i++) logVar[i] = BOUND * Math.tanh(raw[i] / BOUND);
      return { mean, logVar };
    }

    function decode(code) {
      dense(code, w.decoder_hidden_kernel, w.decoder_hidden_bias, g);
      relu(g);
      dense(g, w.pixels_kernel, w.pixels_bias, logits);
      return logits;
    }

    /* -log p(x|z) from logits, without an exponential that overflows. */
    function error(image) {
      let total = 0;
      for (let i = 0; i < PIXELS; i++) {
        const value = logits[i];
        total += Math.max(value, 0) - value * image[i] + Math.log1p(Math.exp(-Math.abs(value)));
      }
      return total;
    }

    function kl() {
      let total = 0;
      for (let i = 0; i < latent; i++) total += 0.5 * (mean[i] ** 2 + Math.exp(logVar[i]) - 1 - logVar[i]);
      return total;
    }

    /* z = mean + sigma noise; its two terms for one image, in nats. */
    function terms(image, noise, at = 0) {
      encode(image);
      for (let i = 0; i < latent; i++) z[i] = mean[i] + Math.exp(0.5 * logVar[i]) * noise[at + i];
      decode(z);
      return [error(image), kl()];
    }

    /* After `terms`: the gradient of the reconstruction error with respect to z, into dz; arrays get theirs on request. */
    function backToCode(image, share, into) {
      for (let i = 0; i < PIXELS; i++) dLogits[i] = share * (1 / (1 + Math.exp(-logits[i])) - image[i]);
      dg.fill(0);
      denseBack(g, w.pixels_kernel, dLogits, into.pixels_kernel, into.pixels_bias, dg);
      dz.fill(0);
      denseBack(z, w.decoder_hidden_kernel, dg, into.decoder_hidden_kernel, into.decoder_hidden_bias, dz, false);
    }

    /*
     * The means of both terms over the images, and into `slopes` the gradient of reconstruction + beta KL. `noise` holds
     * `latent` numbers per image.
     */
    function gradients(images, noise, beta) {
      for (const name of names) slopes[name].fill(0);
      const share = 1 / images.length;
      let [reconstruction, divergence] = [0, 0];
      images.forEach((image, n) => {
        const [miss, nats] = terms(image, noise, n * latent);
        reconstruction += share * miss;
        divergence += share * nats;
        backToCode(image, share, slopes);
        for (let i = 0; i < latent; i++) {
          const variance = Math.exp(logVar[i]);
          dMean[i] = dz[i] + share * beta * mean[i];
          const dLogVar = 0.5 * (dz[i] * Math.sqrt(variance) * noise[n * latent + i] + share * beta * (variance - 1));
          dRaw[i] = dLogVar * (1 - (logVar[i] / BOUND) ** 2);
        }
        dh.fill(0);
        denseBack(h, w.z_mean_kernel, dMean, slopes.z_mean_kernel, slopes.z_mean_bias, dh);
        denseBack(h, w.raw_log_var_kernel, dRaw, slopes.raw_log_var_kernel, slopes.raw_log_var_bias, dh);
        denseBack(image, w.encoder_hidden_kernel, dh, slopes.encoder_hidden_kernel, slopes.encoder_hidden_bias);
      });
      return [reconstruction, divergence];
    }

    /* One step of Adam, as Keras takes it. */
    function adam(rate) {
      steps += 1;
      const alpha = (rate * Math.sqrt(1 - ADAM.beta2 ** steps)) / (1 - ADAM.beta1 ** steps);
      for (const name of names) {
        const [weight, slope, m, v] = [w[name], slopes[name], first[name], second[name]];
        for (let i = 0; i < weight.length; i++) {
          m[i] += (slope[i] - m[i]) * (1 - ADAM.beta1);
          v[i] += (slope[i] ** 2 - v[i]) * (1 - ADAM.beta2);
          weight[i] -= (alpha * m[i]) / (Math.sqrt(v[i]) + ADAM.epsilon);
        }
      }
    }

    const scrap = zeros(shapes);

    /*
     * How each term pulls at one image's mean and log variance: minus the gradient, averaged over the draws in `noise`,
     * `latent` numbers each. The KL's pull is multiplied by beta.
     */
    function pulls(image, noise, beta) {
      const draws = noise.length / latent;
      const reconstruction = { mean: size(latent), logVar: size(latent) };
      for (let n = 0; n < draws; n++) {
        terms(image, noise, n * latent);
        backToCode(image, 1 / draws, scrap);
        for (let i = 0; i < latent; i++) {
          reconstruction.mean[i] -= dz[i];
          reconstruction.logVar[i] -= 0.5 * dz[i] * Math.exp(0.5 * logVar[i]) * noise[n * latent + i];
        }
      }
      const prior = { mean: mean.map((value) => -beta * value),
        logVar: logVar.map((value) => -0.5 * beta * (Math.exp(value) - 1)) };
      return { mean: [...mean], logVar: [...logVar], reconstruction, prior };
    }

    return { shapes, weights: w, slopes, encode, decode, terms, gradients, adam, pulls, steps: () => steps };
  }

  return { PIXELS, stream, makeModel };
}
