// The moments: which heat map lies over the pictures, and the way from a moment into its video.

function startMoments() {
  const choice = document.getElementById("heat");
  choice?.addEventListener("change", (event) => {
    for (const heat of document.querySelectorAll(".heat")) heat.hidden = heat.dataset.heat !== event.target.value;
  });
  for (const link of document.querySelectorAll("a[data-position]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      showIn(Number(link.dataset.video), Number(link.dataset.position));
    });
  }
}

async function showIn(index, position) {
  const line = timelines.get(index);
  await drawNow(line.chart);
  line.root.closest("article").scrollIntoView();
  line.slider.focus({ preventScroll: true });
  look(line, position);
  say(`video ${line.data.name}, ${inWords(line.data, position)}`);
}
