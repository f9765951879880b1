/* The pictures of the trainer: held-out digits above their reconstructions, the decoded plane, and single digits. */

const SIGMOID = (value) => 1 / (1 + Math.exp(-value));

/* Small digits side by side in one picture, `columns` of them in a row, with a white line between. */
function digitSheet(columns, rows, label, className) {
  const sheet = picture(9 * rows + 1, 9 * columns + 1, label);
  sheet.canvas.classList.add(className);
  const ink = new Float32Array((9 * rows + 1) * (9 * columns + 1));
  const place = (row, column, pixels) => {
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) ink[(9 * row + 1 + y) * (9 * columns + 1) + 9 * column + 1 + x] = pixels[8 * y + x];
    }
  };
  return { canvas: sheet.canvas, place, draw: () => sheet.draw(ink) };
}

const MANIFOLD = 13;
const MANIFOLD_REACH = 2.4;

function trainerPictures(images, labels, trainCount) {
  // The first held-out digit of each class.
  const originals = [...new Set(labels)].sort().map((kind) => images[labels.indexOf(kind, trainCount)]);
  const strip = digitSheet(originals.length, 2, `${originals.length} held-out digits and below them their reconstructions`, "trainer-strip");
  const sheet = digitSheet(MANIFOLD, MANIFOLD, "What the decoder makes of a grid of codes", "trainer-manifold");
  const [followed, back, point] = ["The digit that is followed", "Its reconstruction", "Decoded at the cross"].map((label) => {
    const single = picture(8, 8, label);
    single.canvas.classList.add("trainer-single");
    return single;
  });
  const own = (words, ...canvases) => element("div", { class: "trainer-own" }, element("span", {}, words),
    element("div", { class: "explorer-pair" }, ...canvases));
  originals.forEach((image, i) => strip.place(0, i, image));

  /* The first two numbers of a code are those of the plane; the others, if there are any, are 0. */
  function draw(model, latent, image, at) {
    const code = new Float64Array(latent);
    const pixels = (given) => model.decode(given).map(SIGMOID);
    originals.forEach((each, i) => strip.place(1, i, pixels(model.encode(each).mean)));
    strip.draw();
    for (let row = 0; row < MANIFOLD; row++) {
      for (let column = 0; column < MANIFOLD; column++) {
        const spread = (place) => MANIFOLD_REACH * ((2 * place) / (MANIFOLD - 1) - 1);
        code[0] = spread(column);
        code[1] = -spread(row);
        sheet.place(row, column, pixels(code));
      }
    }
    sheet.draw();
    followed.draw(images[image]);
    back.draw(pixels(model.encode(images[image]).mean));
    code.set(at);
    point.draw(pixels(code));
  }

  const node = element("div", { class: "trainer-side" },
    caption("held-out digits, and what comes back"), strip.canvas,
    element("div", { class: "trainer-pairs" },
      own(`codes from \u2212${MANIFOLD_REACH} to ${MANIFOLD_REACH}, decoded`, sheet.canvas),
      element("div", { class: "trainer-singles" }, own("followed, and back", followed.canvas, back.canvas),
        own("decoded at the cross", point.canvas))));
  return { node, draw };
}
