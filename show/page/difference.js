// What differs between two decisions, cell by cell of the grid: B, the one on the right, minus A.
import { cellName, cells } from "./grid.js";
import { el, known, number, percent } from "./dom.js";

let figure = "";

/** Fill a place with the difference of two decisions of hold'em; with nothing where they are none. */
export function difference(place, a, b) {
  if (!a.hands || !b.hands) return;
  if (a.player !== b.player) {
    place.replaceChildren(el("h2", {}, "Difference"), el("p", {}, `${a.player.toUpperCase()} acts on the left and ${b.player.toUpperCase()} on the right: their hands have nothing to compare.`));
    return;
  }
  const one = a.hands[a.player], two = b.hands[b.player];
  const figures = Object.fromEntries(a.actions.filter((x) => b.actions.includes(x)).map((x) => [x, [one.strategy[a.actions.indexOf(x)], two.strategy[b.actions.indexOf(x)], true]]));
  for (const [name, key] of [["EV", "ev"], ["equity", "equity"]]) if (one[key] && two[key]) figures[name] = [one[key], two[key], key !== "ev"];
  figures.weight = [one.weight, two.weight, true];
  if (!(figure in figures)) figure = Object.keys(figures)[0];
  const [left, right, shares] = figures[figure];
  const said = (x, digits = 1) => (shares ? percent(x, digits) : number(x, 2));
  const signed = (x) => {
    const text = shares ? (100 * x).toFixed(0) : x.toFixed(1);
    return Number(text) === 0 ? "0" : x > 0 ? `+${text}` : text;
  };
  const before = cells(one, left), after = cells(two, right);
  const held = (found, name) => { const cell = found.get(name); return cell && cell.weight > 0 && known(cell.value) ? cell.value : null; };
  const names = Array.from({ length: 169 }, (_, k) => cellName(Math.floor(k / 13), k % 13));
  const apart = new Map(names.map((name) => [name, [held(before, name), held(after, name)]]));
  const both = [...apart.values()].filter(([x, y]) => x !== null && y !== null).map(([x, y]) => Math.abs(y - x));
  const most = Math.max(...both, 0.01);
  const made = el("div", { class: "grid apart", role: "group", "aria-label": `Difference in ${figure}` }, names.map((name) => cell(name, apart.get(name), most, said, signed)));
  const select = el("select", { "aria-label": "difference in", onchange: (event) => { figure = event.target.value; difference(place, a, b); } }, Object.keys(figures).map((f) => el("option", {}, f)));
  select.value = figure;
  place.replaceChildren(el("section", {}, el("h2", {}, "Difference: right minus left"), el("div", { class: "tools" }, select), legend(most, said), made));
}

const tint = (part) => `color-mix(in srgb, var(${part < 0 ? "--less" : "--more"}) ${Math.round(100 * Math.abs(part))}%, var(--paper))`;

function cell(name, [x, y], most, said, signed) {
  if (x === null && y === null) return el("div", { class: "none", "data-hand": name, title: `${name}: in neither` }, el("span", {}, name));
  const only = x === null ? "right only" : y === null ? "left only" : "";
  const text = only || `left ${said(x)}, right ${said(y)}, ${signed(y - x)}`;
  return el("div", { class: only ? "alone" : null, "data-hand": name, role: "img", "aria-label": `${name}: ${text}`, title: `${name}: ${text}`, style: only ? null : `background:${tint((y - x) / most)}` },
    el("span", {}, name, el("small", {}, only ? only.split(" ")[0] : signed(y - x))));
}

function legend(most, said) {
  const parts = [-1, -0.5, 0, 0.5, 1];
  return el("p", { class: "legend" }, parts.map((part) => el("span", {}, el("span", { class: "key", style: `background:${tint(part)}` }), `${part > 0 ? "+" : ""}${said(part * most)} `)),
    el("span", {}, el("span", { class: "key alone" }), "held on one side only"));
}
