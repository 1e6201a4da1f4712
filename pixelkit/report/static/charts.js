// The charts that are not of one video: weights, importances, kinds of anomaly, training, histograms, correlation.

function startCharts() {
  const drawn = { weights: drawWeights, importances: drawImportances, families: drawFamilies, curves: drawCurves, histogram: drawHistogram, correlation: drawCorrelation };
  for (const [id, draw] of Object.entries(drawn)) {
    const place = document.getElementById(id);
    if (place) whenSeen(place, draw);
  }
  const choice = document.getElementById("histogram-of");
  choice?.addEventListener("change", () => charts.get(document.getElementById("histogram"))?.());
}

// Names of channels and parameters, as many letters as leave room for the chart.
function namesFor(place, names) {
  const most = place.clientWidth < 420 && !printing ? 16 : 30;
  const shown = names.map((name) => plain(short(name, most)));
  const letters = Math.max(4, ...shown.map((name) => name.length));
  return { shown, room: 14 + 6.8 * letters };
}

function drawBars(Plotly, place, values, title) {
  const names = Object.keys(values);
  const { shown, room } = namesFor(place, names);
  const layout = baseLayout({ l: room, r: 40, t: 4, b: 34 }, 46 + 21 * names.length);
  const rows = names.map((_, at) => at);
  layout.xaxis = { ...layout.axis, title: { text: title, font: { size: 11 } }, rangemode: "tozero", nticks: 5 };
  layout.yaxis = { ...layout.axis, autorange: "reversed", showgrid: false, tickvals: rows, ticktext: shown };
  delete layout.axis;
  const sizes = Object.values(values);
  const text = sizes.map((value) => String(Number(value.toFixed(3)) || 0));
  const [low, high] = [Math.min(0, ...sizes), Math.max(0, ...sizes)];
  if (low < 0) layout.xaxis.range = [low - 0.14 * (high - low), high];  // room for the number left of the bar
  const trace = { type: "bar", orientation: "h", x: sizes, y: rows, text, textposition: "outside", cliponaxis: false, hoverinfo: "skip", marker: { color: colour("line") }, width: 0.62 };
  Plotly.react(place, [trace], layout, CONFIG);
}

function drawWeights(Plotly, place) {
  drawBars(Plotly, place, page.weights, "weight; only ratios matter");
}

function drawImportances(Plotly, place) {
  drawBars(Plotly, place, page.importances, "lost without it");
}

function drawFamilies(Plotly, place) {
  const names = Object.keys(page.families);
  const { shown, room } = namesFor(place, names);
  const rows = names.map((_, at) => at);
  const layout = baseLayout({ l: room, r: 16, t: 26, b: 34 }, 66 + 22 * names.length);
  layout.showlegend = true;
  layout.legend = { orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { size: 11 } };
  layout.xaxis = { ...layout.axis, range: [0, 1.02] };
  layout.yaxis = { ...layout.axis, autorange: "reversed", tickvals: rows, ticktext: shown };
  delete layout.axis;
  const dots = (key, name, symbol, tone) => ({ type: "scatter", mode: "markers", name, x: names.map((each) => page.families[each][key]), y: rows, hoverinfo: "skip", marker: { symbol, size: 10, color: colour(tone), line: { width: 1.5, color: colour(tone) } } });
  Plotly.react(place, [dots("equal", "equal weights", "circle-open", "soft"), dots("unseen", "tuned, unseen", "diamond", "line")], layout, CONFIG);
}

function drawCurves(Plotly, place) {
  const legend = 19 * Object.keys(page.curves).length;
  const layout = baseLayout({ l: 58, r: 12, t: 8, b: 36 + legend }, 224 + legend);
  const losses = Object.values(page.curves).flat().flatMap((epoch) => [epoch.train_loss, epoch.held_out_loss]).filter((loss) => loss > 0);
  const decades = Math.log10(Math.max(...losses) / Math.min(...losses));
  const longest = Math.max(...Object.values(page.curves).map((curve) => curve.length));
  layout.showlegend = true;
  layout.legend = { orientation: "h", x: 0, y: -0.18, yanchor: "top", font: { size: 11 } };
  layout.xaxis = { ...layout.axis, title: { text: "epoch", font: { size: 11 }, standoff: 4 }, tickformat: "d", dtick: Math.max(1, Math.ceil(longest / 8)) };
  layout.yaxis = { ...layout.axis, type: "log", tickformat: ".0e", dtick: decades > 3 ? 1 : "D2" };
  delete layout.axis;
  const traces = Object.entries(page.curves).flatMap(([name, curve], at) => {
    const tone = colour(OF_LINES[at % OF_LINES.length]);
    const kinds = [["train_loss", "training", "dot"], ["held_out_loss", "held out", "solid"]];
    return kinds
      .filter(([key]) => curve.some((epoch) => epoch[key] != null))
      .map(([key, word, dash]) => ({ type: "scatter", mode: curve.length > 1 ? "lines" : "markers", name: `${plain(name)}, ${word}`, x: curve.map((epoch) => epoch.epoch), y: curve.map((epoch) => epoch[key] ?? null), line: { color: tone, dash, width: 1.8 }, hoverinfo: "skip" }));
  });
  Plotly.react(place, traces, layout, CONFIG);
}

function drawHistogram(Plotly, place) {
  const name = document.getElementById("histogram-of").value;
  const found = page.histograms[name];
  const middles = found.counts.map((_, at) => (found.edges[at] + found.edges[at + 1]) / 2);
  const layout = baseLayout({ l: 52, r: 12, t: 24, b: 34 }, 270);
  layout.barmode = "stack";
  layout.bargap = 0.06;
  layout.showlegend = found.anomalous !== null;
  layout.legend = { orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { size: 11 } };
  layout.xaxis = { ...layout.axis, showgrid: false, nticks: 6 };
  layout.yaxis = { ...layout.axis, title: { text: "frames", font: { size: 11 } } };
  delete layout.axis;
  const bars = (y, title, tone, shape) => ({ type: "bar", name: title, x: middles, y, hoverinfo: "skip", marker: { color: colour(tone), pattern: { shape, size: 5, solidity: 0.25, fillmode: "overlay", fgcolor: colour("raised"), fgopacity: 1 } } });
  const traces = [bars(found.counts, found.anomalous ? "labelled normal" : "frames", "line", "")];
  if (found.anomalous) traces.push(bars(found.anomalous, "labelled anomalous", "labelled", "/"));
  Plotly.react(place, traces, layout, CONFIG);
}

function drawCorrelation(Plotly, place) {
  const { names, values } = page.correlation;
  const { shown, room } = namesFor(place, names);
  const rows = names.map((_, at) => at);
  const layout = baseLayout({ l: room, r: 8, t: 4, b: room }, 20 + room + Math.max(120, 26 * names.length));
  layout.xaxis = { ...layout.axis, tickvals: rows, ticktext: shown, tickangle: -90, showgrid: false };
  layout.yaxis = { ...layout.axis, tickvals: rows, ticktext: shown, autorange: "reversed", showgrid: false };
  delete layout.axis;
  const text = values.map((row) => row.map((value) => (value === null ? "" : value.toFixed(2).replace("0.", "."))));
  const dark = document.documentElement.dataset.theme === "dark";
  const scale = [[0, dark ? "#e69f00" : "#b35900"], [0.5, dark ? "#23272e" : "#f6f6f3"], [1, dark ? "#56b4e9" : "#0072b2"]];
  Plotly.react(place, [{ type: "heatmap", x: rows, y: rows, z: values, text, texttemplate: names.length > 12 ? "" : "%{text}", zmin: -1, zmax: 1, colorscale: scale, showscale: false, hoverinfo: "skip", xgap: 1, ygap: 1, textfont: { size: 10 } }], layout, CONFIG);
}
