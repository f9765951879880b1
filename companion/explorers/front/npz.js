/* Arrays as a file .npz, which numpy.load reads: an uncompressed zip archive of .npy files. */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let code = n;
  for (let bit = 0; bit < 8; bit++) code = code & 1 ? 0xedb88320 ^ (code >>> 1) : code >>> 1;
  return code;
});

function crc32(bytes) {
  let code = 0xffffffff;
  for (const byte of bytes) code = CRC_TABLE[(code ^ byte) & 255] ^ (code >>> 8);
  return (code ^ 0xffffffff) >>> 0;
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/* One array of 32-bit numbers, little-endian, whatever the machine. */
function npy(shape, values) {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  // Magic, version, length and header together are a multiple of 64 bytes.
  const padded = `${header.padEnd(64 * Math.ceil((header.length + 11) / 64) - 11)}\n`;
  const start = new Uint8Array(10 + padded.length);
  start.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, padded.length & 255, padded.length >> 8]);
  start.set(new TextEncoder().encode(padded), 10);
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => view.setFloat32(4 * i, value, true));
  return joined([start, new Uint8Array(view.buffer)]);
}

/* Little-endian numbers of two and four bytes, [value, size] each. */
const fields = (...all) => Uint8Array.from(all.flatMap(([value, size]) =>
  Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 255)));

/* `arrays` by name, { shape, values } each; a number alone has the shape []. */
function npzOf(arrays) {
  const [files, directory] = [[], []];
  let at = 0;
  for (const [name, { shape, values }] of Object.entries(arrays)) {
    const content = npy(shape, values);
    const title = new TextEncoder().encode(`${name}.npy`);
    // Version, flags, no compression, midnight of 1 January 1980: the same model is the same file.
    const common = fields([20, 2], [0, 2], [0, 2], [0, 2], [33, 2], [crc32(content), 4], [content.length, 4],
      [content.length, 4], [title.length, 2], [0, 2]);
    const local = joined([fields([0x04034b50, 4]), common, title, content]);
    directory.push(joined([fields([0x02014b50, 4], [20, 2]), common, fields([0, 2], [0, 2], [0, 2], [0, 4], [at, 4]), title]));
    files.push(local);
    at += local.length;
  }
  const index = joined(directory);
  const end = fields([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [index.length, 4], [at, 4], [0, 2]);
  return joined([...files, index, end]);
}
