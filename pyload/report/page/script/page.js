// The page: a head, tables from outside, tiles, sections of charts, and tables.

class Page {
  constructor(place, config) {
    this.config = config;
    this.status = element("div", { class: "status", role: "status", hidden: "" });
    this.head = element("header", null);
    this.given = element("div", { class: "tables" });
    this.first = element("div", { class: "tables" });
    this.tiles = element("section", { class: "tiles", "aria-label": "Main figures" });
    this.tables = element("div", { class: "tables" });
    this.figures = element("div", null);
    this.sections = config.sections.map((section) => this.section(section));
    const reset = element("button", { type: "button", class: "reset" }, "Show the whole time");
    reset.addEventListener("click", () => setZoom(null));
    const unable = canDraw
      ? null
      : element(
          "p",
          { class: "hint" },
          "Charts need a library that is not installed where this page was made: ",
          element("code", null, config.howToGetCharts),
          ". Tables stand in their place.",
        );
    const hint = canDraw
      ? "Drag over a chart to zoom into all of them, and double-click to see the whole time again."
      : null;
    this.hint = element("p", { class: "hint drag" }, hint);
    this.distributions = config.distributions.map((one) => new Distribution(one));
    this.spread = this.grid("Distributions", "How often each time was measured.", this.distributions);
    place.replaceChildren(
      this.status,
      this.head,
      this.tiles,
      this.given,
      this.first,
      ...[unable, this.hint].filter(Boolean),
      ...this.sections.map((one) => one.element),
      this.spread,
      this.tables,
      reset,
      element("footer", null, "made by pyload"),
    );
    show(this.given, config.tables || [], (tables) => tables.map(tableOf));
  }

  section({ title, note }) {
    const charts = this.config.charts.filter((chart) => chart.section === title);
    const figures = charts.map((chart) => new TimeChart(chart));
    const idle = element("p", { class: "note idle" });
    const made = this.grid(title, note, figures);
    made.append(idle);
    return { element: made, figures, idle };
  }

  grid(title, note, figures) {
    return element(
      "section",
      { class: "charts" },
      element("h2", null, title),
      element("p", { class: "note" }, note),
      element("div", { class: "grid" }, ...figures.map((one) => one.element)),
    );
  }

  update(runs) {
    const [{ result }] = runs;
    const isOne = runs.length === 1;
    document.body.classList.toggle("one", isOne);
    show(this.head, isOne ? result : runs.map((one) => one.result), () =>
      isOne ? head(result) : comparison(runs),
    );
    if (isOne) {
      show(this.tiles, tiles(result), (found) => found.map(tile));
      this.showTables(this.first, tablesOf(result, FIRST_TABLES));
      this.showTables(this.tables, tablesOf(result, LAST_TABLES));
    }
    this.tiles.hidden = !isOne;
    for (const { element: place, figures, idle } of this.sections) {
      const nothing = [];
      for (const figure of figures) {
        const has = figure.show(runs);
        figure.element.hidden = !figure.data;
        if (has && !figure.data) nothing.push(figure.title);
      }
      place.hidden = figures.every((one) => !one.data) && !nothing.length;
      idle.textContent = nothing.length ? `All the time 0: ${nothing.join("; ")}.` : "";
    }
    this.hint.hidden = this.sections.every((one) => one.element.hidden);
    this.showDistributions(runs);
  }

  showTables(place, tables) {
    const texts = tables.map(({ title, rows }) => [title, rows.map((row) => row.map(textOf))]);
    show(place, texts, () => tables.map(tableOf));
  }

  async showDistributions(runs) {
    const shown = await Promise.all(this.distributions.map((one) => one.show(runs)));
    this.distributions.forEach((one, i) => {
      one.element.hidden = !shown[i];
    });
    this.spread.hidden = !shown.some(Boolean);
  }

  say(text, kind) {
    this.status.hidden = !text;
    this.status.className = `status ${kind || ""}`;
    if (this.status.textContent !== text) this.status.textContent = text;
  }
}
