// The report reads and prints without this script; it adds values under the pointer, switches for series and scales, and a table that filters.
(() => {
  "use strict";
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  // Values under the pointer. The drawing holds them as <title>; they move here so that the browser's own slow hint does not double ours.
  const tip = document.getElementById("tip");
  for (const title of all(".pt > title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  const showTip = (point, x, y) => {
    const lines = point.dataset.tip.split("\n");
    tip.replaceChildren(...lines.map((line, i) => {
      const p = document.createElement(i ? "div" : "b");
      p.textContent = line;
      return p;
    }));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(x + 14, document.documentElement.clientWidth - box.width - 8);
    const top = y + 18 + box.height > window.innerHeight ? y - box.height - 12 : y + 18;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${Math.max(8, top)}px`;
  };
  let near = null;
  const leave = () => {
    if (near) near.classList.remove("near");
    near = null;
    tip.hidden = true;
  };
  for (const svg of all(".v > .figure")) {
    svg.addEventListener("pointermove", (event) => {
      let best = null;
      let reach = 28;
      for (const point of all(".series:not(.off) .pt", svg)) {
        const box = point.lastElementChild.getBoundingClientRect();
        const away = Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
        if (away < reach) [best, reach] = [point, away];
      }
      if (best !== near) leave();
      if (best) {
        near = best;
        best.classList.add("near");
        showTip(best, event.clientX, event.clientY);
      }
    });
    svg.addEventListener("pointerleave", leave);
  }

  // Switches. A series has several keys, such as its pair and its stack; it shows while all of them are on.
  const press = (button, on) => button.setAttribute("aria-pressed", String(on));
  for (const section of all("main > section")) {
    const keys = all(".key", section);
    const apply = () => {
      const off = new Set(keys.filter((k) => k.getAttribute("aria-pressed") === "false").map((k) => k.dataset.key));
      for (const series of all(".series", section)) {
        series.classList.toggle("off", series.dataset.keys.split("\n").some((key) => off.has(key)));
      }
    };
    for (const key of keys) {
      key.addEventListener("click", () => {
        press(key, key.getAttribute("aria-pressed") === "false");
        apply();
      });
      // A double click leaves this one alone, or brings all of its sort back.
      key.addEventListener("dblclick", () => {
        const alone = keys.every((k) => k === key || k.getAttribute("aria-pressed") === "false");
        for (const other of keys) press(other, alone || other === key);
        apply();
      });
    }
    const scales = all("[data-set]", section);
    for (const button of scales) {
      button.addEventListener("click", () => {
        section.dataset.scale = button.dataset.set;
        for (const other of scales) press(other, other === button);
      });
    }
  }

  // Paper has no pointer: everything that is folded opens for it.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });

  // The table of trials.
  const body = document.querySelector("#trial-table tbody");
  if (!body) return;
  const rows = Array.from(body.rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const filter = document.getElementById("filter");
  const verdicts = all("[data-verdict]");
  const refresh = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdict = verdicts.find((b) => b.getAttribute("aria-pressed") === "true").dataset.verdict;
    let shown = 0;
    rows.forEach((row, i) => {
      const keep = (!verdict || row.className === verdict) && words.every((word) => texts[i].includes(word));
      row.hidden = !keep;
      shown += keep;
    });
    document.getElementById("shown").textContent = shown === rows.length ? "" : `${shown} shown`;
  };
  filter.addEventListener("input", refresh);
  for (const button of verdicts) {
    button.addEventListener("click", () => {
      for (const other of verdicts) press(other, other === button);
      refresh();
    });
  }
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  };
  const order = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  all("#trial-table .sort").forEach((button, column) => {
    button.addEventListener("click", () => {
      const down = button.parentNode.getAttribute("aria-sort") === "ascending";
      for (const head of all("#trial-table th")) head.removeAttribute("aria-sort");
      button.parentNode.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sorted = rows.map((row) => [value(row, column), row]).sort((a, b) => (down ? order(b[0], a[0]) : order(a[0], b[0])));
      body.append(...sorted.map((pair) => pair[1]));
    });
  });
})();
