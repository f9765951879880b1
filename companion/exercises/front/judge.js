/* The check of an exercise that asks for one number, as companion/exercises/regions.py and digests.py prepare it. */

const NUMBER = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d{1,3}))?$/i;
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i;

/* Twice the typed number in steps of the grid, and one more where it lies between two steps; null for other texts. */
function placeOf(text, decimals) {
  const [, sign, whole, after, power] = NUMBER.exec(text) || [];
  if (!whole && !after) return null;
  const digits = BigInt(whole + after) * (sign === "-" ? -1n : 1n);
  const zeros = Number(power || 0) - after.length + decimals;
  if (zeros >= 0) return 2n * digits * 10n ** BigInt(zeros);
  const step = 10n ** BigInt(-zeros);
  const rest = ((digits % step) + step) % step;
  return (2n * (digits - rest)) / step + (rest ? 1n : 0n);
}

/* What is found by each digest: the hint that belongs to it, or null where numbers pass. */
function openDigests(found) {
  const hints = new Map();
  for (const { hint, digests } of found) {
    for (const part of digests.split(" ")) {
      const hex = Array.from(atob(part), (letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("");
      for (let at = 0; at < hex.length; at += 2 * PYTHON.bytes) hints.set(hex.slice(at, at + 2 * PYTHON.bytes), hint);
    }
  }
  return hints;
}

/* A function that judges what was typed: whether it passes, is wrong or is nothing yet, and the hint that fits. */
function makeJudge({ name, decimals, found }) {
  const hints = openDigests(found);
  return (typed) => {
    const text = typed.trim().replace("\u2212", "-");
    if (!text) return { verdict: "nothing" };
    if (NOT_FINITE.test(text)) return { verdict: "wrong", hint: PYTHON.notFinite };
    const place = placeOf(text, decimals);
    if (place === null) return { verdict: "wrong", hint: PYTHON.text };
    for (let level = 0; level < PYTHON.levels; level++) {
      const digest = sha256(`${name}:${level}:${place >> BigInt(level)}`).slice(0, 2 * PYTHON.bytes);
      if (!hints.has(digest)) continue;
      const hint = hints.get(digest);
      return { verdict: hint === null ? "passed" : "wrong", hint };
    }
    return { verdict: "wrong", hint: null };
  };
}
