// The 13x13 grid of hands: colours are the shares of actions, the height is the weight.
import { colours, el, known, percent } from "./dom.js";

export const RANKS = "AKQJT98765432";

/** Return the hand class of a combo, "AsKs" to "AKs". */
export function classOf(combo) {
  const [a, x, b, y] = combo;
  const [high, low] = RANKS.indexOf(a) <= RANKS.indexOf(b) ? [a, b] : [b, a];
  return a === b ? a + b : `${high}${low}${x === y ? "s" : "o"}`;
}

/** Return the name of a cell: suited above the diagonal, offsuit below. */
export function cellName(i, j) {
  return i === j ? RANKS[i] + RANKS[j] : i < j ? `${RANKS[i]}${RANKS[j]}s` : `${RANKS[j]}${RANKS[i]}o`;
}

/** Return cells by class: {weight, odds, value, off}, from columns of combos; `pick(k)` leaves combos out. */
export function cells(hands, value, pick = () => true) {
  const found = new Map();
  hands.combo.forEach((combo, k) => {
    if (!pick(k)) return;
    const name = classOf(combo);
    const cell = found.get(name) ?? { combos: 0, weight: 0, share: 0, odds: null, value: 0, met: 0, off: true };
    found.set(name, cell);
    cell.combos += 1;
    cell.weight += hands.weight[k];
    cell.share += hands.share[k];
    if (!hands.note[k]) cell.off = false;
    const by = hands.share[k] > 0 ? hands.share[k] : 1e-12;
    if (hands.strategy && known(hands.strategy[0][k])) {
      cell.odds ??= hands.strategy.map(() => 0);
      hands.strategy.forEach((row, a) => { cell.odds[a] += by * row[k]; });
      cell.seen = (cell.seen ?? 0) + by;
    }
    if (value && known(value[k])) { cell.value += by * value[k]; cell.met += by; }
  });
  for (const cell of found.values()) {
    cell.weight /= cell.combos;
    if (cell.odds) cell.odds = cell.odds.map((x) => x / cell.seen);
    cell.value = cell.met ? cell.value / cell.met : null;
  }
  return found;
}

/** Return the grid as an element. `text(cell)` is what stands in a cell beside its name, `choose(name)` is called. */
export function grid(caption, found, actions, text, chosen, choose) {
  const paint = colours(actions);
  const most = Math.max(...[...found.values()].map((cell) => cell.weight), 1e-12);
  const made = el("div", { class: "grid", role: "group", "aria-label": caption });
  for (let i = 0; i < 13; i++) {
    for (let j = 0; j < 13; j++) {
      const name = cellName(i, j);
      const cell = found.get(name);
      const held = cell && cell.weight > 0;
      const said = held ? `${name}, weight ${percent(cell.weight)}${cell.odds ? `: ${actions.map((a, k) => `${a} ${percent(cell.odds[k])}`).join(", ")}` : ""}${cell.off ? ", hardly ever here" : ""}` : `${name}, not held`;
      const button = el("button", { type: "button", "data-hand": name, class: held ? (cell.off ? "off" : null) : "none", "aria-pressed": name === chosen ? "true" : "false", "aria-label": said, title: said, onclick: () => choose(name) });
      if (held) {
        const height = 100 * cell.weight / most;
        let left = 0;
        (cell.odds ?? [1]).forEach((share, k) => {
          button.append(el("i", { style: `left:${100 * left}%;width:${100 * share}%;height:${height}%;background:${cell.odds ? paint[k] : "var(--edge)"}` }));
          left += share;
        });
      }
      button.append(el("span", {}, name, held ? el("small", {}, text(cell)) : ""));
      made.append(button);
    }
  }
  return made;
}
