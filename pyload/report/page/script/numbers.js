// Quantities as people read them.

const digits = (value, most) =>
  value.toLocaleString("en-US", { maximumFractionDigits: most });

// Three digits, whatever the size of the number.
function short(value) {
  const size = Math.abs(value);
  if (size === 0 || size >= 100) return digits(value, 0);
  if (size >= 10) return digits(value, 1);
  return size >= 0.01 ? digits(value, 2) : value.toPrecision(2);
}

function span(seconds) {
  const size = Math.abs(seconds);
  if (size === 0) return "0s";
  if (size < 1e-3) return `${short(seconds * 1e6)}µs`;
  if (size < 1) return `${short(seconds * 1e3)}ms`;
  if (size < 60) return `${digits(seconds, size < 10 ? 2 : 1)}s`;
  return clock(seconds);
}

// A span as hours, minutes and seconds, such as 1m35s.
function clock(seconds) {
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = whole % 60;
  if (hours) return `${hours}h${minutes ? `${minutes}m` : ""}${rest ? `${rest}s` : ""}`;
  return minutes ? `${minutes}m${rest ? `${rest}s` : ""}` : `${rest}s`;
}

function size(bytes) {
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (Math.abs(value) < 1000 || unit === "GB") return `${short(value)} ${unit}`;
    value /= 1000;
  }
  return "";
}

const percent = (share) => `${short(share * 100)} %`;

const UNITS = {
  count: (value) => digits(value, 1),
  seconds: span,
  bytes: size,
  ratio: percent,
  cores: short,
  boolean: (value) => (value ? "true" : "false"),
  "per second": short,
  "bytes per second": (value) => `${size(value)}/s`,
};

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// A quantity of a unit; what is missing was not measured.
function quantity(value, unit) {
  return isNumber(value) ? (UNITS[unit] || short)(value) : "–";
}

// What stands at a path of a result; undefined where there is no such thing.
function at(value, path) {
  let found = value;
  for (const step of path.split(".")) {
    if (found === null || typeof found !== "object" || !Object.hasOwn(found, step)) {
      return undefined;
    }
    found = found[step];
  }
  return found;
}

function numberAt(result, path) {
  const value = at(result, path);
  return isNumber(value) ? value : null;
}

// The sum of a mapping's numbers.
function total(result, path) {
  const values = Object.values(at(result, path) || {}).filter(isNumber);
  return values.reduce((sum, value) => sum + value, 0);
}

const list = (value) => (Array.isArray(value) ? value : []);
