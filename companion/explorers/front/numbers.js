/* Packed arrays, as companion/explorers/packing.py writes them. */

function float16ToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function asBytes(content) {
  if (content instanceof Uint8Array) return content;
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  // A widget's bytes arrive as a view on a part of a larger message.
  return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
}

function bytesOfBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/* Every array as numbers of 32 bits, with its shape. */
function unpackArrays(content, entries) {
  const bytes = asBytes(content);
  // A copy begins where the machine may read numbers of two and four bytes.
  const copied = (at, length) => {
    if (at + length > bytes.length) throw new Error(`${bytes.length} bytes of weights where ${at + length} are named`);
    return bytes.slice(at, at + length).buffer;
  };
  return entries.map(({ shape, kept_as: keptAs, at }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const values = new Float32Array(count);
    if (keptAs === "float16") {
      const bits = new Uint16Array(copied(at, 2 * count));
      for (let i = 0; i < count; i++) values[i] = float16ToNumber(bits[i]);
    } else {
      const columns = shape[shape.length - 1];
      const scales = new Float32Array(copied(at, 4 * columns));
      const steps = new Int8Array(copied(at + 4 * columns, count));
      for (let i = 0; i < count; i++) values[i] = steps[i] * scales[i % columns];
    }
    return { shape, values };
  });
}

/* Draws from a standard normal that are the same for the same seed, on every machine. */
function normalDraws(seed, count) {
  let state = (seed * 2654435761 + 1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const sum = (values) => values.reduce((total, value) => total + value, 0);

/* A number as a person reads it, with a true minus sign. */
function written(value, decimals = 2) {
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "\u2212");
}
