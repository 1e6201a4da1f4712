// Light, dark, or as the system has it; on paper always light.

const system = matchMedia("(prefers-color-scheme: dark)");
const THEMES = ["auto", "light", "dark"];
let theme = "auto";
let printing = false;

function startTheme() {
  try {
    theme = localStorage.getItem("pixelkit-theme") ?? "auto";
  } catch {
    // a file:// page may have no storage
  }
  const button = document.getElementById("theme");
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem("pixelkit-theme", theme);
    } catch {
      // then it lasts as long as the page
    }
    applyTheme();
  });
  system.addEventListener("change", applyTheme);
  applyTheme();
}

function applyTheme() {
  if (!THEMES.includes(theme)) theme = "auto";
  const dark = !printing && (theme === "dark" || (theme === "auto" && system.matches));
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  const button = document.getElementById("theme");
  button.textContent = theme[0].toUpperCase() + theme.slice(1);
  button.setAttribute("aria-label", `Colours: ${theme === "auto" ? "as the system" : theme}`);
  document.querySelectorAll("#overlays input:checked").forEach(overlay);
  drawAgain();
}

// Returns a colour of page.css as it is now.
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function fade(name, part) {
  const hex = colour(name).slice(1);
  const [red, green, blue] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${part})`;
}

const OF_LINES = ["line", "second", "third", "fourth", "fifth", "sixth"];
const DASHES = [["solid", "solid"], ["dash", "dashed"], ["dot", "dotted"]];

// Each of 18 lines has a colour and a dash of its own; the dash as plotly.js and as CSS calls it.
function lineStyle(index) {
  const [dash, border] = DASHES[(index + Math.floor(index / OF_LINES.length)) % DASHES.length];
  return { color: colour(OF_LINES[index % OF_LINES.length]), dash, border };
}

function baseLayout(margin, height) {
  const axis = { gridcolor: colour("faint"), linecolor: colour("edge"), zeroline: false, automargin: false, fixedrange: true };
  return {
    font: { family: "system-ui, -apple-system, Segoe UI, Roboto, Arial, sans-serif", size: 11.5, color: colour("soft") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin,
    height,
    ...(printing ? { width: PAPER, autosize: false } : { autosize: true }),
    showlegend: false,
    hovermode: false,
    dragmode: false,
    hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("edge"), font: { color: colour("ink") } },
    xaxis: { ...axis },
    yaxis: { ...axis },
    axis,
  };
}

const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset", showTips: false };
const PAPER = 680; // the width of A4 between its margins, in CSS pixels

function paper(on) {
  printing = on;
  if (on) for (const element of [...pending.keys()]) drawNow(element);
  applyTheme();
}
