// Lines of charts, read of the history of a result.

const MOST_LINES = 8; // More of them cannot be told apart.

const empty = { at: [], seconds: [], series: {} };

function historyOf(result) {
  const history = at(result, "history");
  return Array.isArray(at(history, "at")) && at(history, "series") ? history : empty;
}

// The lines of a chart that a history has, as {label, values, dashed}.
function linesOf(chart, history) {
  const found = chart.lines.flatMap((line) => expanded(line, history));
  if (found.length) return limited(found);
  return limited(chart.otherwise.flatMap((line) => expanded(line, history)));
}

// The one line of a chart for a comparison of runs; null if the history has none.
function mainLineOf(chart, history) {
  for (const lines of [chart.lines, chart.otherwise]) {
    const main = lines.find((line) => line.is_main);
    const found = main ? expanded(main, history) : [];
    if (found.length) {
      const label = main.label === "*" ? "" : main.label;
      return { ...found[0], label, values: added(found.map((one) => one.values)) };
    }
  }
  return null;
}

function expanded(line, history) {
  if (!line.series.includes("*")) {
    const values = valuesOf(line, line.series, history);
    return values ? [{ label: line.label, values, dashed: line.dashed }] : [];
  }
  const [before, after] = line.series.split("*");
  const suffix = { mean: ".sum", max: ".max" }[line.read] || "";
  return Object.keys(history.series)
    .filter((name) => name.startsWith(before) && name.endsWith(after + suffix))
    .map((name) => name.slice(before.length, name.length - (after + suffix).length))
    .filter((key) => key)
    .map((key) => ({
      label: line.label.replace("*", () => key),
      values: valuesOf(line, before + key + after, history),
      dashed: line.dashed,
    }));
}

function valuesOf(line, path, history) {
  const { series } = history;
  const column = (name) => (Object.hasOwn(series, name) ? series[name] : null);
  if (line.read === "max") return column(`${path}.max`);
  const seconds = secondsOf(path, history);
  if (line.read === "mean") {
    const sums = column(`${path}.sum`);
    const counts = column(`${path}.count`);
    return sums && counts && sums.map((sum, i) => (counts[i] ? sum / counts[i] : null));
  }
  const values = column(path);
  if (!values || line.read === "value") return values;
  const rates = values.map((value, i) => (seconds[i] ? value / seconds[i] : null));
  // A last point of a moment, into which falls all that was kept back, would be a peak of its own.
  const last = rates.length - 1;
  if (last > 0 && seconds[last] > 0 && seconds[last] * 2 < seconds[last - 1]) {
    const rate = (values[last - 1] + values[last]) / (seconds[last - 1] + seconds[last]);
    rates[last - 1] = rates[last] = rate;
  }
  // What was counted between two readings happened all the time between them.
  for (let i = rates.length - 2; i >= 0; i -= 1) if (seconds[i] === 0) rates[i] = rates[i + 1];
  return rates;
}

// Seconds that each value is of. Istiod is read every few seconds only: its values are of the time
// since the reading before, and there are none in between, which is shown as 0 seconds.
function secondsOf(path, history) {
  if (!path.startsWith("control_plane.")) return history.seconds;
  const own = Object.keys(history.series)
    .filter((name) => /^control_plane\.(cpu_seconds|pushes\.|triggers\.|.*\.count)/.test(name))
    .map((name) => history.series[name]);
  let since = 0;
  return history.seconds.map((seconds, i) => {
    since += seconds;
    const isReading = own.some((column) => column[i]);
    const whole = isReading ? since : 0;
    if (isReading) since = 0;
    return whole;
  });
}

// The largest lines; the others are added up.
function limited(lines) {
  if (lines.length <= MOST_LINES) return lines;
  const weight = (line) => line.values.reduce((sum, value) => sum + Math.abs(value || 0), 0);
  const byWeight = [...lines].sort((one, other) => weight(other) - weight(one));
  const rest = byWeight.slice(MOST_LINES - 1);
  const kept = lines.filter((line) => !rest.includes(line));
  const label = `${rest.length} others`;
  return [...kept, { label, values: added(rest.map((one) => one.values)), dashed: true }];
}

function added(columns) {
  if (columns.length === 1) return columns[0];
  return columns[0].map((_, i) => {
    const values = columns.map((column) => column[i]).filter(isNumber);
    return values.length ? values.reduce((sum, value) => sum + value, 0) : null;
  });
}

const isIdle = (lines) => lines.every(({ values }) => values.every((value) => !value));

// Least, mean, most and last of a line.
function digest(values) {
  const known = values.filter(isNumber);
  if (!known.length) return { least: null, mean: null, most: null, last: null };
  return {
    least: known.reduce((one, other) => Math.min(one, other)),
    mean: known.reduce((sum, value) => sum + value, 0) / known.length,
    most: known.reduce((one, other) => Math.max(one, other)),
    last: known[known.length - 1],
  };
}
