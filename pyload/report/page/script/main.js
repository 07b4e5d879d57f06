// Starts the page with the figures that stand in it, or with those of a run that goes on.

const config = JSON.parse(document.getElementById("data").textContent);
const shownPage = new Page(document.getElementById("page"), config);
if (config.live) {
  shownPage.say("Waiting for the first figures …", "running");
  new Live(shownPage).run();
} else {
  const runs = config.results.map((result, i) => ({ name: config.names[i] || "", result }));
  shownPage.update(runs);
  if (runs.length === 1 && runs[0].result.exit_reason === STILL_RUNNING) {
    const text =
      "The file was written while the run went on: pyload was ended before it could finish it, or it still runs.";
    shownPage.say(text, "lost");
  }
}
document.body.dataset.ready = "true";
