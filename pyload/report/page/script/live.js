// A run that goes on: its figures are fetched again and again until it is over.

const EVERY = 1000;
const PATIENCE = 4; // Attempts without an answer until no more is asked.
const WHOLE_EVERY = 30; // Answers of which one has everything, so that no history grows for ever.
const SOON = 3; // The same, where a distribution has begun that is not here yet.

class Live {
  constructor(page) {
    this.page = page;
    this.result = null;
    this.tag = "";
    this.failures = 0;
    this.answers = 0;
  }

  async run() {
    for (;;) {
      if (!document.hidden && !(await this.poll())) return;
      await new Promise((resolve) => setTimeout(resolve, EVERY * 2 ** this.failures));
    }
  }

  // Returns whether to go on.
  async poll() {
    try {
      const isNew = await this.fetch();
      this.failures = 0;
      if (isNew) this.page.update([{ name: "", result: this.result }]);
    } catch {
      this.failures += 1;
      return this.lost();
    }
    if (this.result.exit_reason !== STILL_RUNNING) {
      this.page.say(`The run is over: ${this.result.exit_reason}. These are its last figures.`, "over");
      return false;
    }
    this.page.say(`Running since ${clock(this.result.duration)}.`, "running");
    return true;
  }

  lost() {
    if (this.failures < PATIENCE) {
      this.page.say("pyload does not answer: the run is over, or the connection is lost. Asking again …", "lost");
      return true;
    }
    const last = this.result ? " These are the last figures that it sent." : "";
    this.page.say(`The run is over, or pyload cannot be reached.${last}`, "over");
    const again = element("button", { type: "button" }, "Ask again");
    again.addEventListener("click", () => {
      this.failures = 0;
      this.run();
    });
    this.page.status.append(" ", again);
    return false;
  }

  // Returns whether there are new figures. Most times the last points are enough, if they follow
  // those that are here; a new run at the same address begins anew.
  async fetch() {
    const history = this.result ? historyOf(this.result) : empty;
    const every = this.result && lacksHistogram(this.result) ? SOON : WHOLE_EVERY;
    const isWhole = !history.at.length || this.answers % every === 0;
    const answer = await this.ask(isWhole ? "" : "?recent");
    if (!answer) return false;
    this.answers += 1;
    const recent = historyOf(answer);
    const follows = !isWhole && answer.run_id === this.result.run_id && joins(history, recent);
    if (follows) {
      answer.history = joined(history, recent);
      answer.histograms = this.result.histograms;
      this.result = answer;
      return true;
    }
    this.result = isWhole ? answer : await this.ask("");
    return true;
  }

  async ask(query) {
    const answer = await fetch(`result.json${query}`, {
      headers: this.tag && query ? { "If-None-Match": this.tag } : {},
      cache: "no-store",
      signal: AbortSignal.timeout(10000),
    });
    if (answer.status === 304) return null;
    if (!answer.ok) throw new Error(String(answer.status));
    this.tag = answer.headers.get("ETag") || "";
    return answer.json();
  }
}

const lacksHistogram = (result) =>
  config.distributions.some(
    ({ path }) => numberAt(result, `${path}.count`) && !result.histograms?.hdr?.[path],
  );

const joins = (history, recent) =>
  recent.at.length > 0 && recent.at[0] <= history.at[history.at.length - 1];

// A history with the points of another one that are later than its own.
function joined(history, recent) {
  const last = history.at[history.at.length - 1];
  const from = recent.at.findIndex((moment) => moment > last);
  const start = from < 0 ? recent.at.length : from;
  const series = {};
  for (const name of new Set([...Object.keys(history.series), ...Object.keys(recent.series)])) {
    const before = history.series[name] || history.at.map(() => null);
    const after = recent.series[name] || recent.at.map(() => null);
    series[name] = [...before, ...after.slice(start)];
  }
  return {
    at: [...history.at, ...recent.at.slice(start)],
    seconds: [...history.seconds, ...recent.seconds.slice(start)],
    series,
  };
}
