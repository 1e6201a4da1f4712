// What every part uses: data blocks, plotly.js when a chart comes into sight, and the start of it all.

const charts = new Map(); // element -> function that draws it, for those that have been drawn
let plotly = null;
let turn = Promise.resolve(); // charts that come into sight together are drawn one in each frame, so that scrolling goes on

function block(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

const page = block("page-data");

// plotly.js lies in the page as text. Running its 4.8 MB takes longer than all the rest: it waits until that is shown.
function loadPlotly() {
  plotly ??= new Promise((resolve) => {
    const script = document.createElement("script");
    script.textContent = document.getElementById("plotly").textContent;
    document.head.append(script);
    resolve(window.Plotly);
  });
  return plotly;
}

// Draws `element` by `draw(Plotly, element)` when it comes near the window, and again when the colours change.
function whenSeen(element, draw) {
  const first = async () => {
    if (!printing) await (turn = turn.then(() => new Promise(requestAnimationFrame)));
    const Plotly = await loadPlotly();
    if (charts.has(element)) return;
    charts.set(element, () => draw(Plotly, element));
    draw(Plotly, element);
  };
  pending.set(element, first);
  observer.observe(element);
}

const pending = new Map();
const observer = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) drawNow(entry.target);
    }
  },
  { rootMargin: "300px 0px" },
);

function drawNow(element) {
  const first = pending.get(element);
  if (!first) return Promise.resolve();
  pending.delete(element);
  observer.unobserve(element);
  return first();
}

function drawAgain() {
  for (const draw of charts.values()) draw();
}

// Text for a screen reader, about what happens somewhere else on the page.
function say(text) {
  document.getElementById("status").textContent = text;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function short(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

// The names of videos, channels and scorers are other people's text; plotly.js would take <b> or <a> in it for markup.
function plain(text) {
  return String(text).replace(/[<>&]/g, (sign) => ({ "<": "‹", ">": "›", "&": "＆" })[sign]);
}

function start() {
  startTheme();
  startTimelines();
  startCharts();
  startMoments();
  startViewer();
  (window.requestIdleCallback ?? setTimeout)(loadPlotly);
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
}
