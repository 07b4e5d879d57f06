// The tables of one run; each is null where the run has nothing of it.

const seconds = (value) => quantity(value, "seconds");

function stepTable(result) {
  const rows = list(result.steps).map((step) => [
    digits(step.target, 0),
    mark(step.passed),
    seconds(numberAt(step, "first_config.p99")),
    seconds(numberAt(step, "convergence.p99")),
    step.duration ? short(total(step, "pushes") / step.duration) : "–",
    quantity(numberAt(step, "control_plane.cpu_cores"), "cores"),
    step.duration
      ? quantity((numberAt(step, "generator.cpu_seconds") || 0) / step.duration, "cores")
      : "–",
    at(step, "limit.by") || "",
    step.ended ||
      list(step.thresholds)
        .filter((one) => !one.passed)
        .map((one) => `${one.expr}: ${quantity(one.value, one.unit)}`)
        .join(", "),
  ]);
  const columns = [
    "proxies",
    "",
    "new proxy p99",
    "change p99",
    "pushes/s",
    "istiod, cores",
    "pyload, cores",
    "limited by",
    "what failed",
  ];
  const note = "Each step holds a number of proxies for a while; p99: 99 % were as fast or faster.";
  return rows.length ? { title: "Steps", note, columns, rows, isWide: true } : null;
}

function slowestTable(result) {
  const rows = list(at(result, "convergence.slowest")).map((one) => [
    `${one.namespace}/${one.name}`,
    one.type,
    seconds(one.seconds),
    `${one.probe}`,
    one.worker === null ? "main" : `${one.worker}`,
  ]);
  const columns = ["proxy", "type", "longest", "probe", "process"];
  const note = "The proxies that waited longest for a change, each with its longest time.";
  return rows.length ? { title: "Slowest proxies", note, columns, rows } : null;
}

function missingTable(result) {
  const rows = list(at(result, "convergence.missing")).map((one) => [
    `${one.namespace}/${one.name}`,
    one.type,
    `${one.probes}`,
    one.worker === null ? "main" : `${one.worker}`,
  ]);
  const columns = ["proxy", "type", "probes missed", "process"];
  const note = "Some of the proxies that did not get a change, though others of their kind did.";
  return rows.length ? { title: "Proxies that were left out", note, columns, rows } : null;
}

function probeTable(result) {
  const rows = list(at(result, "convergence.last_probes")).map((one) => [
    `${one.number}`,
    clock(one.written),
    `${digits(one.arrived, 0)} of ${digits(one.expected, 0)}`,
    digits(one.never, 0),
    ...[one.first, one.p50, one.p90, one.p99, one.last].map(seconds),
  ]);
  const columns = ["probe", "written at", "arrived", "never", "first", "half", "90 %", "99 %", "last"];
  const note = "The last changes: when each reached the first proxy, half of them, and so on.";
  return rows.length ? { title: "Probes", note, columns, rows } : null;
}

function outageTable(result) {
  const rows = list(at(result, "outages.first")).map((one) => [
    clock(one.began),
    one.open ? `${seconds(one.duration)}, not over` : seconds(one.duration),
    digits(one.lost, 0),
    ...[one.first_back, one.half_back, one.last_back].map(seconds),
    counted(one.disconnects),
  ]);
  const columns = ["began", "lasted", "lost", "first back", "half back", "last back", "reasons"];
  const note = "Spans in which most proxies had no connection; they are shaded in the charts.";
  return rows.length ? { title: "Outages", note, columns, rows } : null;
}

function pushTable(result) {
  const rows = Object.entries(result.pushes || {}).map(([type, count]) => {
    const bytes = numberAt(result.push_bytes, type) || 0;
    return [type, digits(count, 0), size(bytes), count ? size(bytes / count) : "–"];
  });
  const columns = ["type", "pushes", "size", "mean size"];
  return rows.length ? { title: "Pushes by type", note: "", columns, rows } : null;
}

const counted = (counts) =>
  Object.entries(counts || {})
    .map(([name, count]) => `${name} ${digits(count, 0)}`)
    .join(", ");

// Everything that went wrong, with how often it did.
function errorTable(result) {
  const rows = [];
  const add = (what, count) => count && rows.push([what, isNumber(count) ? digits(count, 0) : count]);
  for (const [reason, count] of Object.entries(result.disconnects || {})) {
    if (reason !== "local") add(`connections lost: ${reason}`, count);
  }
  const counts = {
    "proxies without a connection": "proxies.failed",
    "proxies that are not configured": "proxies.unconfigured",
    "writes of objects that failed": "objects.failed",
    "objects that were left behind": "objects.left",
    "requests that the API server refused": "api_server.throttled",
    "requests for which it had too much to do": "api_server.overloaded",
    "connections refused for their rate": "pacing.refusals",
    "changes that a proxy never got": "convergence.never",
    "probes that could not be written": "convergence.failed",
    "probes that were written late": "convergence.late",
    "pushes that had stragglers": "spread.stragglers",
    "pushes that istiod could not send": "control_plane.push_errors",
    "errors in istiod": "control_plane.internal_errors",
    "restarts of istiod": "control_plane.restarts",
    "processes of pyload that died": "generator.worker_restarts",
    "pods that failed": "pods.failed",
  };
  for (const [what, path] of Object.entries(counts)) add(what, numberAt(result, path));
  for (const [type, count] of Object.entries(at(result, "control_plane.rejects") || {})) {
    add(`responses that proxies rejected: ${type}`, count);
  }
  for (const [kind, outcomes] of Object.entries(result.churn || {})) {
    add(`changes of ${kind} that failed`, outcomes.failed);
  }
  add("pods could not be listed", at(result, "kwok.list_error"));
  if (!rows.length) return null;
  return { title: "What went wrong", note: "", columns: ["what", "how often"], rows };
}

// Those that stand above the charts, and those below.
const FIRST_TABLES = [stepTable, errorTable, outageTable];
const LAST_TABLES = [slowestTable, missingTable, probeTable, pushTable];

const tablesOf = (result, tables) => tables.map((table) => table(result)).filter(Boolean);
