/* Normal densities of one number, and the model of one code and one pixel whose log p(x) is known exactly. */

const LOG_TWO_PI = Math.log(2 * Math.PI);

const normalLogDensity = (value, mean, sigma) =>
  -0.5 * (LOG_TWO_PI + ((value - mean) / sigma) ** 2) - Math.log(sigma);

const normalDensity = (value, mean, sigma) => Math.exp(normalLogDensity(value, mean, sigma));

/* A density as a curve over the range of a drawing. */
function densityPath(mean, sigma, [low, high], to, points = 120) {
  const values = Array.from({ length: points + 1 }, (_, i) => low + ((high - low) * i) / points);
  return pathOf(values.map((value) => [value, normalDensity(value, mean, sigma)]), to);
}

/* z ~ N(0, 1), x = slope z + noise of width scale; q(z|x) is N(mu, sigma squared). All in nats. */
function exactModel({ slope, scale }, x) {
  const precision = 1 + (slope / scale) ** 2;
  const posterior = { mu: (slope * x) / scale ** 2 / precision, sigma: Math.sqrt(1 / precision) };
  const logEvidence = normalLogDensity(x, 0, Math.hypot(slope, scale));
  const logWeight = (z, { mu, sigma }) =>
    normalLogDensity(x, slope * z, scale) + normalLogDensity(z, 0, 1) - normalLogDensity(z, mu, sigma);
  const terms = ({ mu, sigma }) => {
    const reconstruction = normalLogDensity(x, slope * mu, scale) - 0.5 * ((slope * sigma) / scale) ** 2;
    const kl = 0.5 * (mu ** 2 + sigma ** 2 - 1) - Math.log(sigma);
    return { reconstruction, kl, elbo: reconstruction - kl, gap: logEvidence - reconstruction + kl };
  };
  return { posterior, logEvidence, logWeight, terms };
}

/* The log of the mean of numbers whose logs are given. */
function logMeanExp(logs) {
  const largest = Math.max(...logs);
  return largest + Math.log(sum(logs.map((log) => Math.exp(log - largest))) / logs.length);
}

/* A drawing that is only looked at: what it shows is said in words beside it. */
function drawing({ x, y, width, height, names, ends }, ...content) {
  const to = scales({ x, y, width, height });
  const svg = drawn(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "explorer-drawing", "aria-hidden": "true" },
    axes({ x, y, width, height, names, ends }),
    ...content,
  );
  svg.style.width = `${width}px`;
  return { svg, to };
}
