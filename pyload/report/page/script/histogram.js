// Distributions: the compressed V2 encoding of HdrHistogram, and its buckets as bars.

const HALF = 128; // Sub-buckets of each power of two, for two significant digits.
const HEADER = 40;
const BARS = 40;

// Counts by value in seconds, as [lowest, highest, count] each; null where they cannot be read.
async function readHistogram(text) {
  if (typeof text !== "string" || typeof DecompressionStream === "undefined") return null;
  try {
    const packed = Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).slice(8);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return buckets(new Uint8Array(await new Response(stream).arrayBuffer()));
  } catch {
    return null;
  }
}

function buckets(bytes) {
  const found = [];
  let position = HEADER;
  let index = 0;
  while (position < bytes.length) {
    let value = 0;
    let factor = 1;
    for (let byte = 0; byte < 9; byte += 1) {
      const part = bytes[position];
      position += 1;
      value += (byte === 8 ? part : part & 0x7f) * factor;
      factor *= 128;
      if (part < 0x80) break;
    }
    // ZigZag: odd numbers are negative, and stand for so many empty buckets.
    if (value % 2) {
      index += (value + 1) / 2;
      continue;
    }
    const power = Math.max(0, Math.floor(index / HALF) - 1);
    const width = 2 ** power;
    const lowest = (index - power * HALF) * width;
    if (value) found.push([lowest / 1e9, (lowest + width) / 1e9, value / 2]);
    index += 1;
  }
  return found;
}

// Edges of bars that are as wide as each other on a logarithmic axis.
function edgesOf(histograms) {
  const all = histograms.flat();
  const least = Math.max(1e-6, Math.min(...all.map((one) => one[0])));
  const most = Math.max(least, ...all.map((one) => one[1]));
  const step = Math.max(1.05, (most / least) ** (1 / BARS));
  const edges = [least / step];
  while (edges[edges.length - 1] < most * step) edges.push(edges[edges.length - 1] * step);
  return edges;
}

// Share of the measurements in each bar.
function shares(histogram, edges) {
  const sums = edges.map(() => 0);
  const step = Math.log(edges[1] / edges[0]);
  let all = 0;
  for (const [lowest, highest, count] of histogram) {
    const middle = Math.max(edges[0], (lowest + highest) / 2);
    const bar = Math.floor(Math.log(middle / edges[0]) / step);
    sums[Math.min(bar, sums.length - 1)] += count;
    all += count;
  }
  return sums.map((sum) => (all ? sum / all : 0));
}
