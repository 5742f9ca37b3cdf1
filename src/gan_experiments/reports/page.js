"use strict";
// Tables: sorting by a column, hiding columns; those that do not fit are hidden at first, the last figures before others.
for (const tabled of document.querySelectorAll(".tabled")) {
  const table = tabled.querySelector("table"), heads = [...table.tHead.rows[0].cells];
  const menu = tabled.querySelector(".columns > div"), boxes = [];
  const show = (index, visible) => {
    for (const row of table.rows) row.cells[index].hidden = !visible;
    boxes[index].checked = visible;
  };
  heads.forEach((head, index) => {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => show(index, box.checked));
    label.append(box, " " + head.dataset.name);
    menu.append(label);
    boxes.push(box);
    const cells = [...table.tBodies[0].rows].map(row => row.cells[index]);
    if (cells.some(cell => cell.classList.contains("n"))) head.classList.add("n");
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = row => {
        const cell = row.cells[index], number = parseFloat(cell.dataset.v ?? cell.textContent);
        return Number.isNaN(number) ? cell.textContent : number;
      };
      const order = (a, b) => {
        const x = value(a), y = value(b);
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;  // text and gaps come last either way
        const sign = typeof x === "number" ? x - y : x.localeCompare(y);
        return down ? -sign : sign;
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
    });
  });
  const fit = () => {
    if (!tabled.clientWidth || !matchMedia("(min-width: 761px)").matches) return;
    for (let index = heads.length - 1; index > 1 && table.scrollWidth > tabled.clientWidth + 1; index--) show(index, false);
  };
  fit();
  tabled.closest("details.fold")?.addEventListener("toggle", fit, {once: true});
}
// Pointing at a row, a card or a line lights what belongs to it; plots show the value of the nearest point.
const light = (key, on) => {
  for (const one of document.querySelectorAll("[data-key]")) one.classList.toggle("lit", on && one.dataset.key === key);
  for (const svg of document.querySelectorAll("svg.plot"))
    svg.classList.toggle("dimmed", on && [...svg.querySelectorAll(".line")].some(line => line.dataset.key === key));
};
for (const one of document.querySelectorAll("tr[data-key], article[data-key]")) {
  if (!one.dataset.key) continue;
  one.addEventListener("pointerenter", () => light(one.dataset.key, true));
  one.addEventListener("pointerleave", () => light("", false));
}
const tip = document.getElementById("tip");
for (const svg of document.querySelectorAll("svg.plot")) {
  const lines = [...svg.querySelectorAll(".line")].map(group => {
    const drawn = group.querySelector("polyline");
    return {
      group, x: drawn.dataset.x.split(" "), y: drawn.dataset.y.split(" "),
      points: drawn.getAttribute("points").split(" ").map(point => point.split(",").map(Number)),
    };
  });
  if (!lines.length) continue;
  svg.addEventListener("pointermove", event => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let best = {distance: 900};
    for (const line of lines) line.points.forEach(([x, y], index) => {
      const distance = (x - at.x) ** 2 + (y - at.y) ** 2;
      if (distance < best.distance) best = {distance, line, index};
    });
    tip.hidden = !best.line;
    light(best.line ? best.line.group.dataset.key : "", Boolean(best.line && best.line.group.dataset.key));
    if (!best.line) return;
    tip.textContent = `${best.line.group.dataset.name}: ${best.line.y[best.index]} at ${Number(best.line.x[best.index]).toLocaleString("en")}`;
    tip.style.left = Math.max(4, Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 4)) + "px";
    tip.style.top = event.clientY - tip.offsetHeight - 10 + "px";
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; light("", false); });
}
// gan-report --watch: look whether the runs have gone on.
const stamp = document.body.dataset.stamp;
if (stamp) setInterval(async () => {
  try { if (await (await fetch("stamp")).text() !== stamp) location.reload(); } catch { /* the server has stopped */ }
}, 5000);
