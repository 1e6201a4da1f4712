// The timeline of a video: fused score, every channel's rank as a strip, repairs, gaps, labels; and the frame looked at.

const ROW = 15; // pixels of a channel's strip
const timelines = new Map(); // index of the video -> what is known of it
const overlaid = new Map(); // channel that is drawn over the fused score -> number of its line style

function startTimelines() {
  for (const root of document.querySelectorAll(".timeline")) {
    const index = Number(root.dataset.video);
    const slider = root.querySelector(".slider");
    const line = { root, index, slider, chart: slider.querySelector(".chart"), position: 0, data: null, pictures: null };
    timelines.set(index, line);
    whenSeen(line.chart, (Plotly) => drawTimeline(Plotly, line));
    slider.addEventListener("pointermove", (event) => follow(line, event));
    slider.addEventListener("pointerdown", (event) => follow(line, event));
    slider.addEventListener("keydown", (event) => step(line, event));
  }
  const choice = document.getElementById("overlays");
  choice?.addEventListener("change", (event) => {
    overlay(event.target);
    for (const line of timelines.values()) charts.get(line.chart)?.();
  });
  addEventListener("resize", () => {
    for (const line of timelines.values()) placeCursor(line);
  });
}

// Gives a channel the first free line style while its box is checked, and shows that beside its name.
function overlay(box) {
  const channel = Number(box.value);
  overlaid.delete(channel);
  let style = 1;
  while ([...overlaid.values()].includes(style)) style += 1;
  if (box.checked) overlaid.set(channel, style);
  const swatch = box.parentElement.querySelector("i");
  swatch.className = box.checked ? "swatch" : "";
  swatch.style.borderTop = box.checked ? `2.5px ${lineStyle(style).border} ${lineStyle(style).color}` : "";
}

function dataOf(line) {
  line.data ??= block(`video-data-${line.index}`);
  return line.data;
}

function drawTimeline(Plotly, line) {
  const data = dataOf(line);
  const narrow = !printing && line.slider.clientWidth < 480;
  const rows = page.channels.length;
  const marks = repairMarks(data);
  const parts = { lines: narrow ? 150 : 180, strips: rows * ROW, marks: marks.length * 13 };
  const between = 10;
  const inner = parts.lines + (rows ? between + parts.strips : 0) + (marks.length ? between + parts.marks : 0);
  line.margin = { l: narrow ? 74 : 118, r: 8, t: 8, b: 26 };
  line.range ??= fullRange(data.numbers);
  line.inner = inner;
  const layout = timelineLayout(line, data, parts, between, inner, narrow, marks);
  Plotly.react(line.chart, timelineTraces(data, narrow, marks), layout, CONFIG).then(() => placeCursor(line));
  if (!line.heard) {
    line.heard = true;
    line.slider.style.minHeight = "0"; // it held the place of the chart
    line.chart.on("plotly_relayout", () => {
      line.range = [...line.chart.layout.xaxis.range].map(Number);
      placeCursor(line);
    });
    look(line, highest(data.lines[0]));
  }
}

function fullRange(numbers) {
  return [numbers[0] - 0.5, numbers[numbers.length - 1] + 0.5];
}

function highest(values) {
  return values.reduce((best, value, at) => (value > values[best] ? at : best), 0);
}

function timelineLayout(line, data, parts, between, inner, narrow, marks) {
  const layout = baseLayout(line.margin, inner + line.margin.t + line.margin.b);
  const { axis } = layout;
  const touch = matchMedia("(pointer: coarse)").matches;
  const top = 1 - parts.lines / inner;
  const middle = top - (parts.strips ? (between + parts.strips) / inner : 0);
  layout.dragmode = touch ? false : "zoom";
  layout.xaxis = { ...axis, range: [...line.range], fixedrange: touch, anchor: marks.length ? "y3" : parts.strips ? "y2" : "y", showgrid: false, ticks: "outside", ticklen: 4, tickformat: "d", nticks: narrow ? 5 : 10 };
  layout.yaxis = { ...axis, range: [0, 1.04], domain: [top, 1], tickvals: [0, 0.5, 1] };
  layout.yaxis2 = { ...axis, domain: [middle, Math.max(middle, top - between / inner)], autorange: "reversed", showgrid: false, ticks: "", tickfont: { size: 10 } };
  layout.yaxis3 = { ...axis, domain: [0, Math.max(0, middle - between / inner)], showgrid: false, tickfont: { size: 10 }, range: [-0.5, Math.max(0.5, marks.length - 0.5)], tickvals: marks.map((_, at) => at), ticktext: marks.map((mark) => mark.name) };
  layout.shapes = [...labelShapes(data.labels), ...gapShapes(data.gaps)];
  delete layout.axis;
  return layout;
}

function labelShapes(labels) {
  return (labels ?? []).flatMap(([first, last]) => [
    { type: "rect", xref: "x", yref: "y", x0: first - 0.5, x1: last + 0.5, y0: 0, y1: 1.04, fillcolor: fade("labelled", 0.18), line: { width: 0 }, layer: "below" },
    { type: "line", xref: "x", yref: "y", x0: first - 0.5, x1: last + 0.5, y0: 1.03, y1: 1.03, line: { width: 3, color: colour("labelled") } },
  ]);
}

function gapShapes(gaps) {
  return gaps.map(([first, last]) => (
    { type: "rect", xref: "x", yref: "paper", x0: first - 0.5, x1: last + 0.5, y0: 0, y1: 1, fillcolor: fade("gap", 0.4), line: { width: 0 }, layer: "below" }
  ));
}

function repairMarks(data) {
  const kinds = [["turned", data.flipped], ["noisy", data.noisy], ["no picture", data.undecodable]];
  return kinds.filter(([, positions]) => positions?.length).map(([name, positions]) => ({ name, positions }));
}

function timelineTraces(data, narrow, marks) {
  const width = narrow ? 11 : 18;
  const traces = [];
  for (const [channel, style] of overlaid) {
    if (data.ranks?.[channel]) traces.push(lineTrace(data, data.ranks[channel], { width: 1.3, ...lineStyle(style) }));
  }
  data.lines.forEach((values, at) => {
    traces.push(lineTrace(data, values, { width: 1.8, ...(at ? lineStyle(at) : { color: colour("line"), dash: "solid" }) }));
  });
  if (page.channels.length) traces.push(stripTrace(data, width));
  marks.forEach(({ positions }, row) => {
    traces.push({ type: "scatter", mode: "markers", yaxis: "y3", hoverinfo: "skip", x: positions.map((at) => data.numbers[at]), y: positions.map(() => row), marker: { symbol: "line-ns-open", size: 8, color: colour("mark"), line: { width: 1.2 } } });
  });
  return traces;
}

// A long gap breaks a line; single missing frames do not.
function lineTrace(data, values, style) {
  const x = [];
  const y = [];
  data.numbers.forEach((number, at) => {
    if (at && number - data.numbers[at - 1] > page.maxGap + 1) {
      x.push(number - 1);
      y.push(null);
    }
    x.push(number);
    y.push(values[at]);
  });
  return { type: "scatter", mode: x.length > 1 ? "lines" : "markers", x, y, line: { width: style.width, color: style.color, dash: style.dash }, marker: { color: style.color, size: 7 }, hoverinfo: "skip", connectgaps: false };
}

// Empty columns beside a gap keep its cells from growing over it.
function stripTrace(data, width) {
  const x = [];
  const from = [];
  data.numbers.forEach((number, at) => {
    const gap = at ? number - data.numbers[at - 1] - 1 : 0;
    if (gap > 0) {
      x.push(data.numbers[at - 1] + 1);
      from.push(null);
    }
    if (gap > 1) {
      x.push(number - 1);
      from.push(null);
    }
    x.push(number);
    from.push(at);
  });
  const z = data.ranks.map((ranks) => from.map((at) => (at === null ? null : ranks[at])));
  const names = page.channels.map((name) => plain(short(name, width)));
  const again = (at) => "\u200b".repeat(names.slice(0, at).filter((name) => name === names[at]).length);
  return { type: "heatmap", x, y: names.map((name, at) => name + again(at)), z, yaxis: "y2", zmin: 0, zmax: 1, colorscale: "Cividis", showscale: false, hoverinfo: "skip", ygap: 1 };
}

function follow(line, event) {
  if (!line.data) return;
  const box = line.slider.getBoundingClientRect();
  const wide = box.width - line.margin.l - line.margin.r;
  const part = (event.clientX - box.left - line.margin.l) / wide;
  if (part < -0.02 || part > 1.02) return;
  const [low, high] = line.range;
  look(line, nearest(line.data.numbers, low + Math.min(1, Math.max(0, part)) * (high - low)));
}

function nearest(numbers, wanted) {
  let low = 0;
  let high = numbers.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low > 0 && wanted - numbers[low - 1] < numbers[low] - wanted ? low - 1 : low;
}

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -25, PageUp: 25, Home: -Infinity, End: Infinity };

function step(line, event) {
  const by = STEPS[event.key];
  if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const last = dataOf(line).numbers.length - 1;
  look(line, Math.min(last, Math.max(0, line.position + by)));
}

// Shows a frame: its picture, its scores, and where it is.
function look(line, position) {
  const data = dataOf(line);
  line.position = position;
  showPicture(line, data);
  showReadout(line, data);
  placeCursor(line);
  line.slider.setAttribute("aria-valuenow", position + 1);
  line.slider.setAttribute("aria-valuetext", inWords(data, position));
}

function showPicture(line, data) {
  const image = line.root.querySelector(".picture img");
  if (!image) return;
  const number = data.numbers[line.position];
  if (page.served) {
    fetchPicture(line, image, frameAddress(data.name, number, true));
  } else if (data.every) {
    line.pictures ??= block(`pictures-${line.index}`);
    const at = Math.min(line.pictures.length - 1, Math.round(line.position / data.every));
    image.src = `data:image/webp;base64,${line.pictures[at]}`;
  }
  image.alt = `Frame ${number}`;
}

// One request at a time: the newest frame that was pointed at while the last was on its way comes next.
function fetchPicture(line, image, address) {
  line.wanted = address;
  if (line.fetching) return;
  line.fetching = address;
  const done = () => {
    const last = line.fetching;
    line.fetching = null;
    if (line.wanted !== last) fetchPicture(line, image, line.wanted);
  };
  image.onload = done;
  image.onerror = done;
  image.src = address;
}

function frameAddress(video, number, small = false) {
  return `/frames/${encodeURIComponent(video)}/${number}${small ? "?small" : ""}`;
}

function stateOf(data, position) {
  const kinds = [["turned", data.flipped], ["noisy", data.noisy], ["not decodable", data.undecodable]];
  const states = kinds.filter(([, positions]) => positions?.includes(position)).map(([name]) => name);
  const number = data.numbers[position];
  if (data.labels?.some(([first, last]) => first <= number && number <= last)) states.push("labelled anomalous");
  return states;
}

function inWords(data, position) {
  const scores = data.lines.map((values, at) => `${page.lines[at]} ${values[position].toFixed(2)}`);
  return [`frame ${data.numbers[position]}`, ...scores, ...stateOf(data, position)].join(", ");
}

function showReadout(line, data) {
  const readout = line.root.querySelector(".readout");
  const at = line.position;
  if (!line.cells) buildReadout(line, readout);
  const scores = data.lines.map((values, index) => `${data.lines.length > 1 ? `${page.lines[index]} ` : ""}${values[at].toFixed(3)}`);
  line.cells.title.textContent = `Frame ${data.numbers[at]} · ${scores.join(" · ")}`;
  line.cells.state.textContent = stateOf(data, at).join(", ");
  line.cells.channels.forEach(([bar, raw], channel) => {
    bar.style.setProperty("--part", `${100 * data.ranks[channel][at]}%`);
    raw.textContent = data.raw[channel][at];
  });
}

function buildReadout(line, readout) {
  const title = element("b");
  const state = element("div", { className: "state" });
  const rows = page.channels.map((name) => {
    const bar = element("span", { className: "meter" });
    const raw = element("td", { className: "n" });
    return { row: element("tr", {}, element("th", { textContent: name, title: name }), element("td", {}, bar), raw), cells: [bar, raw] };
  });
  line.cells = { title, state, channels: rows.map(({ cells }) => cells) };
  readout.replaceChildren(title, state);
  if (rows.length) readout.append(element("table", {}, element("tbody", {}, ...rows.map(({ row }) => row))));
}

function placeCursor(line) {
  if (!line.data || !line.margin) return;
  const cursor = line.slider.querySelector(".cursor");
  const [low, high] = line.range;
  const part = (line.data.numbers[line.position] - low) / (high - low);
  const wide = line.slider.clientWidth - line.margin.l - line.margin.r;
  cursor.style.display = part < 0 || part > 1 ? "none" : "block";
  cursor.style.transform = `translateX(${line.margin.l + part * wide}px)`;
  cursor.style.top = `${line.margin.t}px`;
  cursor.style.height = `${line.inner}px`;
}
