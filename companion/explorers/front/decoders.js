/* Decoders as lists of steps, as companion/explorers/decoders.py writes them: each step takes numbers and gives numbers. */

function activate(values, activation) {
  if (activation === "relu") {
    for (let i = 0; i < values.length; i++) if (values[i] < 0) values[i] = 0;
  } else if (activation === "sigmoid") {
    for (let i = 0; i < values.length; i++) values[i] = 1 / (1 + Math.exp(-values[i]));
  }
  return values;
}

/* Inputs in the outer loop, outputs in the inner: kernels are read in order, and inputs that a relu has set to 0 are skipped. */
function denseStep(kernel, bias, activation) {
  const out = new Float32Array(bias.length);
  const width = out.length;
  return (input) => {
    out.set(bias);
    for (let i = 0; i < input.length; i++) {
      const value = input[i];
      if (value === 0) continue;
      const row = i * width;
      for (let j = 0; j < width; j++) out[j] += value * kernel[row + j];
    }
    return activate(out, activation);
  };
}

/* A transposed convolution: every number of the input is spread over a window of the output. */
function spreadStep({ stride, before, shape, activation }, kernel, bias, inputShape) {
  const [height, width, channels] = shape;
  const [inputHeight, inputWidth, inputChannels] = inputShape;
  const [, windowHeight, windowWidth] = kernel.shape;
  const window = windowHeight * windowWidth * channels;
  const weights = kernel.values;
  const out = new Float32Array(height * width * channels);
  return (input) => {
    for (let at = 0; at < out.length; at += channels) out.set(bias, at);
    for (let y = 0; y < inputHeight; y++) {
      for (let x = 0; x < inputWidth; x++) {
        const top = y * stride - before;
        const left = x * stride - before;
        const firstRow = Math.max(0, -top);
        const lastRow = Math.min(windowHeight, height - top);
        const firstColumn = Math.max(0, -left);
        const lastColumn = Math.min(windowWidth, width - left);
        const start = (y * inputWidth + x) * inputChannels;
        for (let c = 0; c < inputChannels; c++) {
          const value = input[start + c];
          if (value === 0) continue;
          for (let row = firstRow; row < lastRow; row++) {
            // The columns of a window lie side by side, in the kernel and in the output.
            let from = c * window + (row * windowWidth + firstColumn) * channels;
            let to = ((top + row) * width + left + firstColumn) * channels;
            const end = to + (lastColumn - firstColumn) * channels;
            while (to < end) out[to++] += value * weights[from++];
          }
        }
      }
    }
    return activate(out, activation);
  };
}

function cropStep({ top, left, shape }, [, inputWidth, channels]) {
  const [height, width] = shape;
  const out = new Float32Array(height * width * channels);
  return (input) => {
    for (let y = 0; y < height; y++) {
      const from = ((y + top) * inputWidth + left) * channels;
      out.set(input.subarray(from, from + width * channels), y * width * channels);
    }
    return out;
  };
}

/* A condition goes beside a row of numbers. */
function joinStep({ by, shape }) {
  const out = new Float32Array(shape[0]);
  return (input, condition) => {
    out.set(input);
    out.set(Float32Array.from(condition, (value) => value * by), input.length);
    return out;
  };
}

function makeStep(step, arrays, inputShape) {
  const kernel = arrays[step.kernel];
  const bias = arrays[step.bias]?.values;
  switch (step.do) {
    case "dense":
      return denseStep(kernel.values, bias, step.activation);
    case "spread":
      return spreadStep(step, kernel, bias, inputShape);
    case "crop":
      return cropStep(step, inputShape);
    case "join":
      return joinStep(step);
    case "tanh":
      return (input) => input.map(Math.tanh);
    case "scale":
      return (input) => input.map((value) => value * step.by);
    case "reshape":
      return (input) => input;
    case "sigmoid":
      return (input) => activate(input, "sigmoid");
    default:
      throw new Error(`the front end knows no step ${step.do}`);
  }
}

/* A function from a code, and a condition where the decoder has one, to pixels. The next call overwrites what it gave. */
function makeDecoder(steps, arrays) {
  const run = steps.map((step, i) => makeStep(step, arrays, i ? steps[i - 1].shape : step.from));
  return (code, condition) => run.reduce((values, step) => step(values, condition), Float32Array.from(code));
}
