// The head of the page, and its tiles: what ran, how it ended, and its main figures.

const STILL_RUNNING = "still running";

function nameOf(result) {
  const kind = [result.command, result.cluster_type].filter(Boolean).join(" ");
  return kind || "run";
}

function verdictOf(result) {
  const thresholds = list(result.thresholds);
  const failed = thresholds.filter((one) => !one.passed).length;
  if (result.exit_reason === STILL_RUNNING) return { kind: "running", text: "running" };
  if (failed) return { kind: "bad", text: `${failed} of ${thresholds.length} thresholds failed` };
  if (/^(failed|interrupted)/.test(result.exit_reason || "")) {
    return { kind: "bad", text: result.exit_reason };
  }
  if (thresholds.length) return { kind: "good", text: "passed" };
  return { kind: "plain", text: "not judged" };
}

function badge({ kind, text }) {
  return element("span", { class: `badge ${kind}` }, text);
}

// A moment, in UTC as results have it; the reader's own time stands beside it.
function when(text) {
  const moment = new Date(text || "");
  if (Number.isNaN(moment.getTime())) return null;
  const utc = moment.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
  return element("time", { datetime: moment.toISOString(), title: moment.toString() }, utc);
}

// Which run it is, as pairs of a name and a text or an element.
function facts(result) {
  const versions = list(at(result, "control_plane.versions"));
  const source = at(result, "control_plane.source");
  const config = at(result, "config.name");
  const digest = at(result, "config.sha256");
  const tags = Object.entries(result.tags || {});
  return [
    ["began", when(result.started)],
    ["lasted", isNumber(result.duration) ? span(result.duration) : null],
    ["ended", result.exit_reason === STILL_RUNNING ? null : result.exit_reason],
    ["on", result.host],
    ["run", result.run_id],
    ["pyload", result.version],
    [
      "control plane",
      versions.length ? [...versions, ...(source ? [`read at ${source}`] : [])].join(", ") : null,
    ],
    ["config", config && digest ? `${config} (sha256 ${String(digest).slice(0, 12)})` : config],
    ...list(result.unserved).map((one) => [
      "unserved",
      `${one.lack}: ${list(one.proxies).join(", ")}`,
    ]),
    ...tags.map(([name, value]) => [`tag ${name}`, value]),
  ].filter(([, value]) => value);
}

function limitOf(result) {
  const by = at(result, "limit.by");
  if (!by) return null;
  const evidence = list(at(result, "limit.evidence")).map((one) => one.text);
  const name = by === "nothing" ? "nothing (idle)" : by;
  return `Limited by ${name}${evidence.length ? `: ${evidence.join("; ")}` : ""}`;
}

function head(result) {
  const limit = limitOf(result);
  const ladder = at(result, "ladder.sentence");
  return [
    element(
      "div",
      { class: "title" },
      element("h1", null, `pyload ${nameOf(result)}`),
      badge(verdictOf(result)),
    ),
    ladder ? element("p", { class: "lead" }, ladder) : null,
    limit ? element("p", { class: "lead" }, limit) : null,
    verdicts(result),
    result.command_line ? element("pre", null, result.command_line) : null,
    element(
      "dl",
      { class: "facts" },
      ...facts(result).map(([name, value]) =>
        element("div", null, element("dt", null, name), element("dd", null, value)),
      ),
    ),
  ];
}

// The thresholds with their figures; those that failed stand first.
function verdicts(result) {
  const found = list(result.thresholds);
  if (!found.length) return null;
  const sorted = [...found].sort((one, other) => Number(one.passed) - Number(other.passed));
  const items = sorted.map((one) => {
    const figure = isNumber(one.value) ? quantity(one.value, one.unit) : "not measured";
    const kind = one.passed ? "passed" : "failed";
    return element("li", { class: kind }, mark(one.passed), ` ${one.expr}: `, element("b", null, figure));
  });
  return element("ul", { class: "verdicts", "aria-label": "Thresholds" }, ...items);
}

const perSecond = (sum, result) => (result.duration ? sum / result.duration : null);

// The main figures, as {label, value, note, isBad}; those that a run does not have are left out.
function tiles(result) {
  const number = (path) => numberAt(result, path);
  const found = [];
  const add = (label, value, note, isBad) => found.push({ label, value, note, isBad });
  const wanted = number("proxies.wanted");
  if (wanted !== null) {
    const configured = number("proxies.configured");
    const note = `of ${digits(wanted, 0)} wanted, ${digits(number("proxies.connected") || 0, 0)} connected`;
    add("Proxies configured", quantity(configured, "count"), note, configured < wanted);
  }
  const times = [
    ["A change reaches a proxy", "convergence"],
    ["A new proxy is configured", "first_config"],
    ["A push reaches all proxies", "spread.last"],
  ];
  for (const [label, path] of times) {
    if (!number(`${path}.count`)) continue;
    const half = quantity(number(`${path}.p50`), "seconds");
    const note = `or faster in 99 % of all cases; half within ${half}`;
    add(label, quantity(number(`${path}.p99`), "seconds"), note);
  }
  const never = number("convergence.never");
  if (never) add("Never got a change", digits(never, 0), "proxies, once for each change", true);
  const pushes = total(result, "pushes");
  if (pushes) {
    add("Pushes received", digits(pushes, 0), `${short(perSecond(pushes, result) || 0)} per second`);
    const bytes = total(result, "push_bytes");
    add("Configuration received", size(bytes), `${size(perSecond(bytes, result) || 0)} per second`);
  }
  const cores = number("control_plane.cpu_cores");
  if (cores !== null) {
    add("CPU of the control plane", short(cores), "cores on average");
    const heap = number("control_plane.heap_bytes_max");
    if (heap !== null) add("Heap of the control plane", size(heap), "at the most");
  }
  const cpu = number("generator.cpu_seconds");
  if (cpu !== null) {
    const lag = quantity(number("generator.loop_lag_p99"), "seconds");
    add("CPU of pyload", short(perSecond(cpu, result) || 0), `cores on average; loop lag p99 ${lag}`);
  }
  const reasons = Object.entries(result.disconnects || {}).filter(([name]) => name !== "local");
  const lost = reasons.reduce((sum, [, count]) => sum + count, 0);
  add("Lost connections", digits(lost, 0), lost ? "besides those that pyload closed" : "", lost > 0);
  const outages = number("outages.count");
  if (outages) {
    add("Outages", digits(outages, 0), `${quantity(number("outages.total"), "seconds")} in all`, true);
  }
  return found;
}

function tile({ label, value, note, isBad }) {
  return element(
    "div",
    { class: isBad ? "tile bad" : "tile" },
    element("div", { class: "label" }, label),
    element("div", { class: "value" }, value),
    note ? element("div", { class: "note" }, note) : null,
  );
}

// The head and the main figures of several runs, side by side.
function comparison(runs) {
  const labels = [...new Set(runs.flatMap(({ result }) => tiles(result).map((one) => one.label)))];
  const value = (result, label) => tiles(result).find((one) => one.label === label)?.value ?? "–";
  const rows = runs.map(({ name, result }, index) => [
    element(
      "span",
      { class: "run" },
      element("span", { class: `swatch line-${index % 8}`, "aria-hidden": "true" }),
      name,
    ),
    badge(verdictOf(result)),
    when(result.started) || "",
    isNumber(result.duration) ? span(result.duration) : "",
    ...labels.map((label) => value(result, label)),
  ]);
  return [
    element("div", { class: "title" }, element("h1", null, `pyload: ${runs.length} runs`)),
    tableOf({ columns: ["run", "verdict", "began", "lasted", ...labels], rows, caption: "Runs" }),
  ];
}
