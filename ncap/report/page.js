// The page is complete without this. Here its tables can be sorted, the candidates in its figures picked, and a page that is still being
// written loaded again. What was chosen is kept for as long as the window is open.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const made = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const place = `ncap ${location.pathname}`;
  let kept = {};
  try {
    kept = JSON.parse(sessionStorage.getItem(place)) || {};
  } catch { /* a browser that keeps nothing */ }
  const keep = (change) => {
    Object.assign(kept, change);
    try {
      sessionStorage.setItem(place, JSON.stringify(kept));
    } catch { /* likewise */ }
  };

  // Tables. A number may have a unit behind it; what is missing comes last, whichever way the rest is ordered.
  const units = { k: 1e3, M: 1e6, G: 1e9 };
  const number = (text) => {
    const [digits, unit] = text.split(" ");
    const value = parseFloat(digits);
    return value * (units[unit] || 1);
  };
  const sort = (table, column, down) => {
    const heads = all("thead th", table);
    const words = heads[column].classList.contains("text");
    const rows = all("tbody tr", table).map((row) => {
      const text = row.cells[column].textContent.trim();
      const value = words ? text : number(text);
      return { row, value, missing: words ? text === "-" : Number.isNaN(value) };
    });
    const order = (a, b) => (words ? a.localeCompare(b) : a - b) * (down ? -1 : 1);
    rows.sort((a, b) => (a.missing || b.missing ? a.missing - b.missing : order(a.value, b.value)));
    table.tBodies[0].append(...rows.map(({ row }) => row));
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  all("section table").forEach((table) => {
    const section = table.closest("section").id;
    all("thead th", table).forEach((head, column) => {
      if (head.matches(".drawing")) return;
      const button = made("button", { type: "button" }, ...head.childNodes);
      button.addEventListener("click", () => {
        const sorted = head.getAttribute("aria-sort");
        // Ranks and names begin with the first, measures with the largest.
        const down = sorted ? sorted === "ascending" : !head.matches(".text, .rank");
        sort(table, column, down);
        keep({ sorted: { ...kept.sorted, [section]: [column, down] } });
      });
      head.append(button);
    });
    const [column, down] = (kept.sorted || {})[section] || [];
    if (column < all("thead th", table).length) sort(table, column, down);
  });

  // Figures with a panel for each candidate.
  const picker = document.getElementById("picker");
  const names = [...new Set(all(".panel[data-candidate]").map((panel) => panel.dataset.candidate))];
  if (picker && names.length > 1) {
    const few = names.length > 6 && matchMedia("(max-width: 40rem)").matches;
    let picked = new Set((kept.picked || []).filter((name) => names.includes(name)));
    if (!picked.size) picked = new Set(few ? names.slice(0, 4) : names);
    const status = made("p", { className: "soft" });
    status.setAttribute("role", "status");
    const boxes = names.map((name) => made("input", { type: "checkbox", value: name }));
    const show = () => {
      boxes.forEach((box) => { box.checked = picked.has(box.value); });
      all(".panel[data-candidate]").forEach((panel) => { panel.hidden = !picked.has(panel.dataset.candidate); });
      status.textContent = picked.size ? `${picked.size} of ${names.length} candidates are shown.` : "No candidate is shown.";
    };
    const choose = (chosen) => {
      picked = new Set(chosen);
      keep({ picked: [...picked] });
      show();
    };
    boxes.forEach((box) => box.addEventListener("change", () => {
      choose(names.filter((name) => (name === box.value ? box.checked : picked.has(name))));
    }));
    const quick = (words, chosen) => {
      const button = made("button", { type: "button" }, words);
      button.addEventListener("click", () => choose(chosen));
      return button;
    };
    const labels = boxes.map((box) => {
      const dot = made("span", { className: "dot" });
      dot.style.background = all(".panel[data-candidate]").find((panel) => panel.dataset.candidate === box.value).style.getPropertyValue("--own");
      return made("label", {}, box, dot, box.value);
    });
    const buttons = made("div", { className: "quick" }, quick("All", names));
    if (names.length > 4) buttons.append(quick("First four", names.slice(0, 4)));
    buttons.append(quick("Clear", []));
    picker.append(
      made("fieldset", {}, made("legend", {}, "Candidates in the figures"), made("div", { className: "choices" }, ...labels), buttons, status),
    );
    picker.hidden = false;
    show();
  }

  // A page that is still being written.
  const again = document.getElementById("again");
  if (again) {
    const button = made("button", { type: "button" });
    const tell = () => { button.textContent = kept.paused ? "Go on loading again" : "Stop loading again"; };
    button.addEventListener("click", () => { keep({ paused: !kept.paused }); tell(); });
    tell();
    again.append(button);
    setInterval(() => { if (!kept.paused) location.reload(); }, 1000 * again.dataset.seconds);
  }
})();
