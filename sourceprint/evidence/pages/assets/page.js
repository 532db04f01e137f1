// What the pages of a report do beyond being read: colours, the table of the overview. After `players.js`. No dependencies.
"use strict";

// --- colours ---------------------------------------------------------------------------------------------------------

(() => {
  const button = document.getElementById("scheme");
  const names = { "": "as the system", light: "light", dark: "dark" };
  const order = ["", "light", "dark"];
  let scheme = "";
  try {
    scheme = localStorage.getItem("sourceprint-scheme") || "";
  } catch {
    // A page opened from the disk may have no storage: the choice then holds for this page only.
  }
  const apply = () => {
    if (!(scheme in names)) scheme = "";
    if (scheme) document.documentElement.dataset.scheme = scheme;
    else delete document.documentElement.dataset.scheme;
    button.textContent = `Colours: ${names[scheme]}`;
  };
  button.addEventListener("click", () => {
    scheme = order[(order.indexOf(scheme) + 1) % order.length];
    try {
      localStorage.setItem("sourceprint-scheme", scheme);
    } catch {
      // As above.
    }
    apply();
  });
  button.hidden = false;
  apply();
})();

// --- long tables -----------------------------------------------------------------------------------------------------
// Values and formats are those of `listing.py`, which writes the first rows for readers without scripts.

for (const listing of document.querySelectorAll(".listing")) {
  const PER_PAGE = 200;
  const $ = (id) => document.getElementById(listing.dataset.prefix + id);
  const { columns, keys, rows } = JSON.parse($("data").textContent);
  const at = Object.fromEntries(keys.map((key, k) => [key, k]));
  const kinds = Object.fromEntries(columns.map(([key, kind]) => [key, kind]));
  const [words, choice, body, shown, pages, before, after, place, filters] =
    ["words", "choice", "rows", "shown", "pages", "before", "after", "place", "filters"].map($);
  const heads = [...$("table").tHead.querySelectorAll("th")];
  const plain = (text) => text.normalize("NFC").toLowerCase(); // names of files may come decomposed
  const texts = columns.filter(([, kind]) => kind === "text" || kind === "order").map(([key]) => at[key]);
  const haystacks = rows.map((row) => plain(texts.map((k) => row[k] ?? "").join("\n")));
  const collator = new Intl.Collator("en", { numeric: true });
  const first = heads.find((head) => head.hasAttribute("aria-sort"));
  let key = first ? first.dataset.key : "";
  let direction = first && first.getAttribute("aria-sort") === "descending" ? -1 : 1;
  let page = 0;
  let order = rows.map((_, k) => k);

  const raised = (n) => String(n).replace(/\d/g, (digit) => "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[digit]);
  const odds = (p) => {
    if (p < 1e-6) return `1 in 10${raised(p > 0 ? Math.min(300, Math.floor(-Math.log10(p))) : 300)}`;
    return `1 in ${Number((1 / p).toPrecision(2)).toFixed(0)}`;
  };
  const written = {
    text: String,
    order: String,
    count: String,
    clock: (ms) => clock(ms / 1000),
    percent: (x) => `${x.toFixed(1)} %`,
    odds,
    exponent: (x) => x.toExponential(1).replace(/e([+-])(\d)$/, "e$10$2"),
  };
  const element = (row) => {
    const line = document.createElement("tr");
    for (const [k, [name, kind, link]] of columns.entries()) {
      const cell = document.createElement(k ? "td" : "th");
      if (!k) cell.scope = "row";
      if (kind !== "order") cell.className = kind === "text" ? "t" : "n";
      const value = row[at[name]];
      const text = value === null ? "" : written[kind](value);
      if (link && row[at[link]] && text) {
        const way = document.createElement("a");
        way.href = row[at[link]];
        way.textContent = text;
        cell.append(way);
      } else {
        cell.textContent = text;
      }
      line.append(cell);
    }
    return line;
  };
  const compare = (a, b) => {
    if (!key || kinds[key] === "order") return direction * (a - b);
    const [x, y] = [rows[a][at[key]], rows[b][at[key]]];
    if (x === y) return a - b;
    if (x === null || x === "") return 1; // nothing to compare by: last, in both directions
    if (y === null || y === "") return -1;
    return direction * (typeof x === "number" ? x - y : collator.compare(x, y)) || a - b;
  };
  const show = () => {
    const last = Math.max(0, Math.ceil(order.length / PER_PAGE) - 1);
    page = Math.min(Math.max(page, 0), last);
    const [start, end] = [page * PER_PAGE, Math.min((page + 1) * PER_PAGE, order.length)];
    body.replaceChildren(...order.slice(start, end).map((k) => element(rows[k])));
    const some = order.length === rows.length ? `${rows.length}` : `${order.length} of ${rows.length}`;
    shown.textContent = `${some} ${listing.dataset.noun}${rows.length === 1 ? "" : "s"}`;
    pages.hidden = last === 0;
    place.textContent = order.length ? `${start + 1} to ${end} of ${order.length}` : "";
    before.disabled = page === 0;
    after.disabled = page === last;
  };
  const select = () => {
    const wanted = plain(words.value).trim().split(/\s+/).filter(Boolean);
    order = rows
      .map((_, k) => k)
      .filter(
        (k) =>
          (!choice?.value || rows[k][at[choice.dataset.key]] === choice.value) &&
          wanted.every((word) => haystacks[k].includes(word)),
      );
    order.sort(compare);
    page = 0;
    show();
  };
  if (rows.length < 2) continue; // nothing to sort or to choose from
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      if (key === head.dataset.key) direction = -direction;
      else [key, direction] = [head.dataset.key, ["count", "clock", "percent"].includes(kinds[head.dataset.key]) ? -1 : 1];
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      order.sort(compare);
      page = 0;
      show();
    });
  }
  words.addEventListener("input", select);
  choice?.addEventListener("change", select);
  before.addEventListener("click", () => { page -= 1; show(); });
  after.addEventListener("click", () => { page += 1; show(); });
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = false;
  order.sort(compare);
  show();
}
