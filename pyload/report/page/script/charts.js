// Charts, drawn by uPlot; without it there are only their tables.

const canDraw = typeof uPlot !== "undefined";
const HEIGHT = 170;
const DASH = [5, 4];

// Colours that differ in lightness too, and stand out from both backgrounds.
const PALETTES = {
  light: {
    lines: ["#1f66c1", "#b8500a", "#0f7a58", "#7b46c4", "#c02a50", "#0b7486", "#7a5a10", "#59636e"],
    text: "#4a5560",
    grid: "#e4e8ec",
    band: "rgba(192, 42, 80, 0.16)",
    fill: "33",
  },
  dark: {
    lines: ["#6cabff", "#f99d52", "#54cf9f", "#bb9bf8", "#f7849a", "#52c8db", "#d8b055", "#a8b3bf"],
    text: "#aab4bf",
    grid: "#2a313a",
    band: "rgba(247, 132, 154, 0.2)",
    fill: "40",
  },
};

const darkness = window.matchMedia("(prefers-color-scheme: dark)");
let isPrinting = false;
const palette = () => PALETTES[darkness.matches && !isPrinting ? "dark" : "light"];
const color = (index) => palette().lines[index % palette().lines.length];

const drawn = new Set(); // All charts on the page.
let zoom = null; // The span of time that all charts show; null for all of it.

function setZoom(range) {
  zoom = range;
  document.body.classList.toggle("zoomed", zoom !== null);
  for (const chart of drawn) chart.scaleToZoom();
}

// Draws all charts again, in the colours of this moment.
function redraw() {
  for (const chart of drawn) chart.rebuild();
}

darkness.addEventListener("change", redraw);
for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
  window.addEventListener(event, () => {
    isPrinting = printing;
    redraw();
  });
}

// A figure of the page: title, sentence, drawing, and the same figures as a table.
class Figure {
  constructor(title, note) {
    this.canvas = element("div", { class: "canvas", role: "img" });
    this.summary = element("div", { class: "digest" });
    this.details = element(
      "details",
      null,
      element("summary", null, "As a table"),
      this.summary,
    );
    this.details.open = !canDraw;
    this.element = element(
      "figure",
      null,
      element(
        "figcaption",
        null,
        element("h3", null, title, (this.which = element("span", { class: "which" }))),
        element("p", { class: "note" }, note),
      ),
      canDraw ? this.canvas : null,
      this.details,
    );
    this.title = title;
    this.plot = null;
    this.kind = "";
    if (canDraw) {
      new ResizeObserver(() => this.fit()).observe(this.canvas);
      drawn.add(this);
    }
  }

  // Shows data; a plot is made anew only when its lines are others.
  update(kind, data, lines) {
    this.data = data;
    this.lines = lines;
    if (!canDraw) return;
    if (this.plot && kind === this.kind) {
      this.plot.setData(data, false);
      this.scaleToZoom();
    } else {
      this.kind = kind;
      this.rebuild();
    }
  }

  rebuild() {
    if (!this.data) return;
    if (this.plot) this.plot.destroy();
    this.plot = null;
    const width = this.canvas.clientWidth;
    if (!width) return;
    this.plot = new uPlot({ width, height: HEIGHT, ...this.options() }, this.data, this.canvas);
    this.scaleToZoom();
    this.showLast();
  }

  fit() {
    const width = this.canvas.clientWidth;
    if (!this.plot) this.rebuild();
    else if (width && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  // Where no cursor is, the legend shows the newest values.
  showLast() {
    const last = this.data[0].length - 1;
    if (this.plot && last >= 0) this.plot.setLegend({ idx: last }, false);
  }

  scaleToZoom() {}

  axis(unit, more) {
    const { text, grid } = palette();
    return {
      stroke: text,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 },
      font: "11px system-ui, sans-serif",
      ...more,
    };
  }
}

// Figures over time, of one run or of several.
class TimeChart extends Figure {
  constructor(chart) {
    super(chart.title, chart.note);
    this.chart = chart;
  }

  // Returns whether there was something to draw.
  show(runs) {
    const drawable = runs.length === 1 ? this.ofOne(runs[0]) : this.ofMany(runs);
    const { x, lines } = drawable;
    if (!lines.length || !x.length || isIdle(lines)) return lines.length > 0 && x.length > 0;
    this.outages = runs.length === 1 ? list(at(runs[0].result, "outages.first")) : [];
    const data = [x, ...lines.map((line) => line.values)];
    this.update(JSON.stringify(lines.map((line) => [line.label, line.dashed])), data, lines);
    this.showLast();
    this.describe(lines);
    return true;
  }

  ofOne({ result }) {
    const history = historyOf(result);
    return { x: history.at, lines: linesOf(this.chart, history) };
  }

  ofMany(runs) {
    const found = runs
      .map(({ name, result }) => ({ name, history: historyOf(result) }))
      .map(({ name, history }) => ({ name, history, line: mainLineOf(this.chart, history) }));
    const having = found.filter(({ line }) => line);
    if (!having.length) return { x: [], lines: [] };
    const [x, ...columns] = aligned(having.map(({ history, line }) => [history.at, line.values]));
    const label = having[0].line.label;
    const lines = columns.map((values, i) => ({
      label: having[i].name,
      suffix: label,
      values,
      dashed: false,
      color: found.indexOf(having[i]),
    }));
    return { x, lines };
  }

  describe(lines) {
    const { unit } = this.chart;
    const rows = lines.map((line) => {
      const { least, mean, most, last } = digest(line.values);
      return [line.label, ...[least, mean, most, last].map((value) => quantity(value, unit))];
    });
    const text = rows.map(([label, least, , most, last]) =>
      `${label}: ${least} to ${most}, at the end ${last}`);
    this.canvas.setAttribute("aria-label", `${this.title}. ${text.join("; ")}.`);
    const suffix = lines[0].suffix ? ` (${lines[0].suffix})` : "";
    this.which.textContent = suffix;
    const name = unit.includes("second") && unit !== "seconds" ? unit : "";
    show(this.summary, rows, () =>
      tableOf({
        caption: `${this.title}${suffix}`,
        columns: [name, "least", "mean", "most", "last"],
        rows,
      }),
    );
  }

  options() {
    const { unit } = this.chart;
    const format = (value) => quantity(value, unit);
    return {
      cursor: {
        drag: { x: true, y: false, setScale: false },
        sync: { key: "time", filters: { pub: (type) => /^mouse(move|leave)$/.test(type) } },
        bind: { dblclick: () => () => setZoom(null) },
        points: { size: 7 },
      },
      legend: { live: true },
      scales: { x: { time: false }, y: { range: (_, least, most) => padded(least, most) } },
      series: [
        { label: "at", value: (_, value) => (isNumber(value) ? clock(value) : "–") },
        ...this.lines.map((line, i) => ({
          label: line.label,
          stroke: color(line.color ?? i),
          width: line.dashed ? 1.25 : 1.75,
          dash: line.dashed ? DASH : undefined,
          spanGaps: true,
          points: { size: 4, show: isSparse(line.values) },
          // Where no cursor is, the last value that there was.
          value: (plot, value) =>
            format(isNumber(value) || isNumber(plot.cursor.idx) ? value : digest(line.values).last),
        })),
      ],
      axes: [
        this.axis("seconds", {
          space: 60,
          size: 28,
          incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400],
          values: (_, values) => values.map(clock),
        }),
        this.axis(unit, {
          size: 62,
          space: 34,
          values: (_, values) => values.map((value) => axisText(value, unit)),
        }),
      ],
      hooks: {
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < 4) return;
            const ends = [left, left + width].map((one) => plot.posToVal(one, "x"));
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            setZoom(ends);
          },
        ],
        setCursor: [(plot) => plot.cursor.idx === null && this.showLast()],
        drawClear: [(plot) => this.drawOutages(plot)],
      },
    };
  }

  drawOutages(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = palette().band;
    for (const { began, duration } of this.outages) {
      const from = plot.valToPos(began, "x", true);
      const to = plot.valToPos(began + duration, "x", true);
      ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
    }
    ctx.restore();
  }

  scaleToZoom() {
    const x = this.data?.[0];
    if (!this.plot || !x?.length) return;
    const [min, max] = zoom || [Math.min(0, x[0]), x[x.length - 1]];
    if (min < max) this.plot.setScale("x", { min, max });
  }
}

// How often a time was measured, of one run or of several.
class Distribution extends Figure {
  constructor({ path, title, note }) {
    super(title, note);
    this.path = path;
    this.percentiles = element("p", { class: "percentiles" });
    this.details.before(this.percentiles);
  }

  // Returns whether there was something to draw.
  async show(runs) {
    const measured = runs
      .map((run, i) => ({ ...run, color: i, latency: at(run.result, this.path) }))
      .filter(({ latency }) => latency && latency.count);
    if (!measured.length) return false;
    const rows = measured.map(({ name, latency }) => [
      name || "all",
      digits(latency.count, 0),
      ...["min", "p50", "p90", "p99", "p99_9", "max"].map((one) => quantity(latency[one], "seconds")),
    ]);
    this.element.classList.toggle("swaps", rows.length === 1);
    this.percentiles.textContent =
      `Half within ${rows[0][3]}, 90 % within ${rows[0][4]}, 99 % within ${rows[0][5]}, ` +
      `longest ${rows[0][7]}`;
    const columns = ["", "measured", "least", "p50", "p90", "p99", "p99.9", "most"];
    show(this.summary, rows, () => tableOf({ caption: this.title, columns, rows }));
    const text = rows.map((row) => `${row[0]}: half within ${row[3]}, 99 % within ${row[5]}`);
    this.canvas.setAttribute("aria-label", `${this.title}. ${text.join("; ")}.`);
    if (!canDraw) return true;
    const found = await Promise.all(
      measured.map(({ result }) => readHistogram(at(result, "histograms.hdr")?.[this.path])),
    );
    const whole = measured.map((one, i) => ({ ...one, counts: found[i] || [] }));
    const having = whole.filter(({ counts }) => counts.length);
    this.canvas.hidden = !having.length;
    // Of a run that goes on, the next answer brings it; an old file has the percentiles alone.
    if (!having.length) return !config.live;
    const edges = edgesOf(having.map(({ counts }) => counts));
    this.marks = having.length === 1 ? having[0].latency : null;
    const lines = having.map((one) => ({ label: one.name || "share", color: one.color }));
    const data = [edges, ...having.map(({ counts }) => shares(counts, edges))];
    this.update(JSON.stringify(lines), data, lines);
    return true;
  }

  showLast() {
    // Nothing is newest in a distribution.
  }

  scaleToZoom() {
    const edges = this.data?.[0];
    if (this.plot) this.plot.setScale("x", { min: edges[0], max: edges[edges.length - 1] });
  }

  options() {
    const single = this.lines.length === 1;
    return {
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      legend: { live: true },
      scales: {
        x: { time: false, distr: 3, range: (_, least, most) => [least, most] },
        y: { range: (_, __, most) => [0, most ? most * 1.1 : 1] },
      },
      series: [
        { label: "from", value: (_, value) => quantity(value, "seconds") },
        ...this.lines.map((line) => ({
          label: line.label,
          stroke: color(line.color),
          fill: single ? color(line.color) + palette().fill : undefined,
          width: 1.5,
          paths: uPlot.paths.stepped({ align: 1 }),
          points: { show: false },
          value: (_, value) => quantity(value, "ratio"),
        })),
      ],
      axes: [
        this.axis("seconds", {
          size: 28,
          splits: (_, __, least, most) => ticks(least, most),
          filter: (_, splits) => splits,
          values: (_, values) => values.map((value) => axisText(value, "seconds")),
        }),
        this.axis("ratio", {
          size: 62,
          space: 34,
          values: (_, values) => values.map((value) => axisText(value, "ratio")),
        }),
      ],
      hooks: { draw: [(plot) => this.drawMarks(plot)] },
    };
  }

  // Upright lines at percentiles.
  drawMarks(plot) {
    if (!this.marks) return;
    const { ctx, bbox } = plot;
    const ratio = window.devicePixelRatio || 1;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = palette().text;
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    let free = -Infinity;
    for (const name of ["p50", "p99"]) {
      const x = plot.valToPos(this.marks[name], "x", true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const width = ctx.measureText(name).width;
      const fits = x + 3 * ratio + width < bbox.left + bbox.width;
      const left = fits ? x + 3 * ratio : x - 3 * ratio - width;
      if (left > free) ctx.fillText(name, left, bbox.top);
      free = left + width;
    }
    ctx.restore();
  }
}

// Charts of several runs on one axis of time.
function aligned(tables) {
  if (tables.length === 1 || !canDraw) return [tables[0][0], ...tables.map((one) => one[1])];
  return uPlot.join(tables);
}

// Whether most values have none beside them, so that a line alone would hide where they are.
function isSparse(values) {
  let known = 0;
  let gaps = 0;
  values.forEach((value, i) => {
    if (!isNumber(value)) return;
    known += 1;
    if (!isNumber(values[i - 1]) || !isNumber(values[i + 1])) gaps += 1;
  });
  return known > 0 && gaps * 2 >= known;
}

function padded(least, most) {
  if (!isNumber(most)) return [0, 1];
  return [Math.min(0, least), most > 0 ? most * 1.08 : 1];
}

// Round numbers on a logarithmic axis, and closer ones where it is short.
function ticks(least, most) {
  const found = [];
  const steps = most / least > 30 ? (most / least > 3000 ? [1] : [1, 3]) : [1, 1.5, 2, 3, 5, 7];
  for (let power = Math.floor(Math.log10(least)); 10 ** power <= most; power += 1) {
    for (const step of steps) {
      const value = Number(`${step}e${power}`);
      if (value >= least && value <= most) found.push(value);
    }
  }
  if (found.length > 2) return found;
  const [from, to] = [least, most].map((value) => Number(value.toPrecision(2)));
  return [...new Set([from, Number(((from + to) / 2).toPrecision(2)), to])];
}

function axisText(value, unit) {
  if (unit === "ratio") return `${digits(value * 100, 1)} %`;
  if (unit === "bytes per second") return `${size(value)}/s`;
  return quantity(value, unit);
}
