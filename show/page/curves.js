// Curves as SVG, with the same numbers in a table for those who do not see them.
import { el, known } from "./dom.js";

const W = 640, H = 240, L = 52, B = 24, T = 10;
const svg = (name, attributes, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};
const short = (x) => (Math.abs(x) >= 1e5 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(1) : String(+x.toPrecision(3)));

/** Return a plot of lines, [{name, points: [[x, y], ...]}]; with `log` the y axis is logarithmic. */
export function curves(title, lines, labels, log = false) {
  const shown = lines.map((line) => ({ ...line, points: line.points.filter(([x, y]) => known(x) && known(y) && (!log || y > 0)) }));
  const all = shown.flatMap((line) => line.points);
  if (!all.length) return el("p", {}, `${title}: nothing to draw.`);
  const f = log ? Math.log10 : (y) => y;
  const span = (values) => { const low = Math.min(...values), high = Math.max(...values); return low === high ? [low - 1, high + 1] : [low, high]; };
  const [x0, x1] = span(all.map(([x]) => x)), [y0, y1] = span(all.map(([, y]) => f(y)));
  const px = (x) => L + ((x - x0) / (x1 - x0)) * (W - L - 10), py = (y) => H - B - ((f(y) - y0) / (y1 - y0)) * (H - B - T);
  const made = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "curves", role: "img", "aria-label": `${title}: ${shown.map((l) => l.name).join(", ")}` });
  for (let k = 0; k <= 4; k++) {
    const at = y0 + ((y1 - y0) * k) / 4, y = H - B - ((H - B - T) * k) / 4, x = x0 + ((x1 - x0) * k) / 4;
    made.append(svg("line", { x1: L, x2: W - 10, y1: y, y2: y, class: "axis" }), svg("text", { x: L - 4, y: y + 4, "text-anchor": "end" }, short(log ? 10 ** at : at)));
    made.append(svg("text", { x: px(x), y: H - 8, "text-anchor": "middle" }, short(x)));
  }
  const paint = ["var(--mark)", "var(--a4)", "var(--a1)", "var(--a2)"];
  shown.forEach((line, k) => {
    made.append(svg("path", { d: line.points.map(([x, y], i) => `${i ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join(""), stroke: paint[k % 4] }));
  });
  const keys = shown.map((line, k) => el("span", {}, el("span", { class: "key", style: `background:${paint[k % 4]}` }), `${line.name} `));
  return el("figure", { style: "margin:.4rem 0" }, el("figcaption", {}, `${title} (${labels[1]} by ${labels[0]}) `, keys), made);
}

/** Return the distribution of values over a range: the value of the k-th best part of it, [[share, value], ...]. */
export function distribution(shares, values) {
  const order = values.map((v, k) => k).filter((k) => known(values[k]) && shares[k] > 0).sort((a, b) => values[a] - values[b]);
  const total = order.reduce((sum, k) => sum + shares[k], 0) || 1;
  let before = 0;
  return order.map((k) => { before += shares[k]; return [(100 * (before - shares[k] / 2)) / total, values[k]]; });
}
