// Small helpers: elements, numbers as text, tables.

/** Return a new element; attributes that begin with "on" are listeners, children are nodes or texts. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export const known = (x) => x !== null && x !== undefined && Number.isFinite(x);
export const percent = (x, digits = 1) => (known(x) ? `${(100 * x).toFixed(digits)}%` : "-");
export const number = (x, digits = 3) => (known(x) ? x.toFixed(digits) : "-");

/** Return a table: `columns` are [title, cell(row)], the first one heads the rows. */
export function table(caption, columns, rows, off = () => false) {
  const head = el("tr", {}, columns.map(([title]) => el("th", { scope: "col" }, title)));
  const body = rows.map((row) => el("tr", { class: off(row) ? "off" : null }, columns.map(([, cell], k) =>
    k ? el("td", {}, cell(row)) : el("th", { scope: "row" }, cell(row)))));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, el("span", {}, caption)), el("thead", {}, head), el("tbody", {}, body)));
}

/** Return a colour (a CSS variable) for each action: fold blue, check and call green, bets from orange to violet by size. */
export function colours(actions) {
  const bets = actions.filter((a) => !["fold", "check", "call"].includes(a));
  return actions.map((a) => {
    if (a === "fold") return "var(--a0)";
    if (a === "check" || a === "call") return "var(--a1)";
    const k = bets.indexOf(a);
    return `var(--a${2 + (bets.length > 1 ? Math.floor((k * 5) / (bets.length - 1)) : 2)})`;
  });
}

/** Return a bar that is divided as a strategy is. */
export function mix(actions, odds) {
  const paint = colours(actions);
  const said = actions.map((a, k) => `${a} ${percent(odds[k])}`).join(", ");
  return el("span", { class: "mix", role: "img", "aria-label": said, title: said },
    actions.map((_, k) => el("i", { style: `width:${100 * (odds[k] ?? 0)}%;background:${paint[k]}` })));
}
