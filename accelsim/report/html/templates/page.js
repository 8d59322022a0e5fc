"use strict";
(() => {
  const tip = document.getElementById("tip");

  // Without this script titles are the browser's own; with it they also show on focus and touch.
  for (const title of document.querySelectorAll("svg title")) {
    const owner = title.parentElement;
    if (owner.localName === "svg") continue;
    owner.setAttribute("data-tip", title.textContent);
    title.remove();
  }
  for (const owner of document.querySelectorAll("[title]")) {
    owner.setAttribute("data-tip", owner.title);
    owner.setAttribute("aria-description", owner.title);
    owner.removeAttribute("title");
  }

  const show = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const width = document.documentElement.clientWidth;
    const box = tip.getBoundingClientRect();
    const left = Math.max(4, Math.min(x + 12, width - box.width - 8));
    const below = y + 16 + box.height < window.innerHeight;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(below ? y + 16 : Math.max(4, y - box.height - 10)) + window.scrollY}px`;
  };
  const hide = () => { tip.hidden = true; };
  const owner = (event) => event.target instanceof Element ? event.target.closest("[data-tip]") : null;
  for (const kind of ["pointermove", "pointerdown"]) {
    document.addEventListener(kind, (event) => {
      const found = owner(event);
      if (found) show(found.dataset.tip, event.clientX, event.clientY); else hide();
    });
  }
  document.addEventListener("focusin", (event) => {
    const found = owner(event);
    if (!found || !found.matches(":focus-visible")) return;
    const box = found.getBoundingClientRect();
    show(found.dataset.tip, box.left, box.bottom - 8);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

  const valued = (cell) => {
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    return cell.dataset.none === undefined ? cell.textContent : null;
  };
  const compared = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  const sort = (head) => {
    const table = head.closest("table");
    const ascending = head.getAttribute("aria-sort") === "descending" ||
      (head.getAttribute("aria-sort") === "none" && !head.classList.contains("n"));
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => [valued(row.cells[head.cellIndex]), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return ascending ? compared(a, b) : compared(b, a);
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  for (const head of document.querySelectorAll("th[aria-sort]")) {
    head.querySelector("button").addEventListener("click", () => sort(head));
  }

  const filter = (input) => {
    const table = document.getElementById(input.dataset.filters);
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    let shown = 0;
    for (const row of rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    const told = document.getElementById(`${input.dataset.filters}-count`);
    told.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  };
  for (const input of document.querySelectorAll("[data-filters]")) {
    input.addEventListener("input", () => filter(input));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { input.value = ""; filter(input); }
    });
  }

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const part of opened) part.open = true;
  });
  window.addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
})();
