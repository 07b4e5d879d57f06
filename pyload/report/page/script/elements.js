// Elements of the page. All text is text: nothing here parses HTML.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A table with a heading. A cell is a text, or an element; columns of numbers are to the right.
function tableOf({ title, note, columns, rows, caption, isWide }) {
  const isNumeric = (cell) => !(cell instanceof Node) && /^[-+–\d.,]/.test(textOf(cell));
  const numeric = columns.map((_, index) => rows.every((row) => isNumeric(row[index])));
  const cells = (row, tag) =>
    row.map((cell, index) => {
      const first = index === 0 && tag === "td";
      const attributes = { class: numeric[index] ? "number" : null };
      if (tag === "th") attributes.scope = "col";
      if (first) attributes.scope = "row";
      return element(first ? "th" : tag, attributes, cell ?? "");
    });
  const table = element(
    "table",
    null,
    caption ? element("caption", null, caption) : null,
    element("thead", null, element("tr", null, ...cells(columns, "th"))),
    element("tbody", null, ...rows.map((row) => element("tr", null, ...cells(row, "td")))),
  );
  // What is too wide scrolls by itself, with the keyboard too.
  const label = title || caption || "figures";
  const frame = element(
    "div",
    { class: "scrolls", tabindex: "0", role: "region", "aria-label": label },
    table,
  );
  if (!title) return frame;
  return element(
    "section",
    { class: isWide ? "table wide" : "table" },
    element("h3", null, title),
    note ? element("p", { class: "note" }, note) : null,
    frame,
  );
}

const textOf = (cell) => (cell instanceof Node ? cell.textContent : String(cell ?? ""));

// A mark of what has passed or failed, which does not rely on its colour.
function mark(passed) {
  if (passed === null || passed === undefined) {
    return element("span", { class: "mark", role: "img", "aria-label": "not judged" }, "?");
  }
  const [kind, sign, label] = passed ? ["good", "✓", "passed"] : ["bad", "✗", "failed"];
  return element("span", { class: `mark ${kind}`, role: "img", "aria-label": label }, sign);
}

// Replaces the children of an element only when what they show is something else, so that a
// selection or a scrolled table survives the next poll.
function show(place, shown, render) {
  const key = JSON.stringify(shown);
  if (place.shown === key) return;
  place.shown = key;
  place.replaceChildren(...[render(shown)].flat().filter(Boolean));
}
