// Every frame of a video at full size, where "pixelkit view" serves the page.

function startViewer() {
  const dialog = document.getElementById("viewer");
  if (!dialog) return;
  const range = dialog.querySelector("input");
  let line = null;
  const show = () => {
    const data = dataOf(line);
    const number = data.numbers[range.value];
    dialog.querySelector("img").src = frameAddress(data.name, number);
    dialog.querySelector("img").alt = `Frame ${number} of video ${data.name}`;
    dialog.querySelector("output").textContent = `${number} of video ${data.name}`;
    range.setAttribute("aria-valuetext", inWords(data, Number(range.value)));
    look(line, Number(range.value));
  };
  range.addEventListener("input", show);
  dialog.addEventListener("keydown", (event) => {
    const by = STEPS[event.key];
    if (by === undefined || event.target.tagName === "BUTTON") return;
    event.preventDefault();
    range.value = Math.min(Number(range.max), Math.max(0, Number(range.value) + Math.sign(by) * Math.min(Math.abs(by) === 25 ? 10 : Math.abs(by), 1e9)));
    show();
  });
  for (const each of timelines.values()) {
    each.root.querySelector(".full-size")?.addEventListener("click", () => {
      line = each;
      range.max = dataOf(each).numbers.length - 1;
      range.value = each.position;
      show();
      dialog.showModal();
      range.focus();
    });
  }
}
