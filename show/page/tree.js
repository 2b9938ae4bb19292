// A decision of any other game: the strategy as bars, values and best responses; boards of games in the dark; charts.
import { cellName, grid } from "./grid.js";
import { el, known, mix, number, percent, table } from "./dom.js";

let chosen = "";

/** Fill a place with a node of a game with a tree, or of a phantom game; `go(at)` leads to another one. */
export function tree(place, node, go) {
  if (node.kind === "end") {
    place.replaceChildren(el("p", {}, node.payoffs ? `The game is over: ${node.payoffs.map((x, p) => `player ${p} gets ${number(x)}`).join(", ")}.` : "The game is over."));
    return;
  }
  if (node.kind === "list") {
    place.replaceChildren(listed(node, go));
    return;
  }
  if (node.kind === "chance") {
    place.replaceChildren(el("p", {}, "Chance moves: choose what happens in the bar."));
    return;
  }
  const parts = [el("h2", {}, `player ${node.player}${node.label ? `, ${node.label}` : ", first to act"}`)];
  if (node.board) parts.push(board(node, go));
  if (node.chart) parts.push(chart(place, node, go));
  const rows = node.chart && chosen ? node.rows.filter((row) => row.hand === chosen) : node.rows;
  const columns = [["hand", (r) => r.hand], ["", (r) => mix(node.actions, r.strategy)], ...node.actions.map((a, k) => [a, (r) => percent(r.strategy[k])]), rows.some((r) => "visits" in r) ? ["visits", (r) => String(r.visits)] : ["reached", (r) => percent(r.reach, 2)]];
  if (rows.some((r) => r.action_ev)) {
    columns.push(["EV", (r) => number(r.ev)], ...node.actions.map((a, k) => [`EV ${a}`, (r) => number(r.action_ev[k])]), ["best response", (r) => best(node, r)]);
  }
  columns.push(["", (r) => r.note]);
  parts.push(table(rows.some((r) => r.action_ev) ? "Strategy, hand by hand; values are given that play gets here" : "Strategy", columns, rows, (r) => r.note !== ""));
  place.replaceChildren(...parts);
}

function listed(node, go) {
  const said = (r) => r.actions.map((a, k) => `${a} ${percent(r.strategy[k])}`).join(" · ");
  const caption = `What the run met most often (${node.rows.length} of ${node.met} information sets); this game was walked in steps, and has no tree to click through`;
  return table(caption, [["information set", (r) => el("button", { type: "button", "data-at": r.at, onclick: () => go(r.at) }, r.hand)], ["player", (r) => String(r.player)],
    ["", (r) => mix(r.actions, r.strategy)], ["strategy", said], ["visits", (r) => String(r.visits)], ["", (r) => r.note]], node.rows, (r) => r.note !== "");
}

function best(node, row) {
  if (!row.response.every(known)) return "-";
  const k = row.response.indexOf(Math.max(...row.response));
  return `${node.actions[k]} ${number(row.response[k])}`;
}

function chart(place, node, go) {
  const found = new Map(node.rows.map((r) => [r.hand, { weight: 1, odds: r.strategy, off: r.note !== "" }]));
  for (let i = 0; i < 13; i++) for (let j = 0; j < 13; j++) found.get(cellName(i, j)) ?? found.set(cellName(i, j), { weight: 0 });
  return grid("Strategy by hand", found, node.actions.map((a) => a.toLowerCase()), (cell) => percent(Math.max(...cell.odds), 0), chosen, (name) => { chosen = chosen === name ? "" : name; tree(place, node, go); });
}

function board(node, go) {
  const after = new Map(node.next.moves.map((move) => [move.label, move]));
  const cells = node.board.cells.map((c) => {
    if (c.share === null) return el("div", {}, c.cell, el("br"), c.tried);
    const strong = `background:color-mix(in srgb, var(--a1) ${Math.round(100 * c.share)}%, var(--soft))`;
    const move = after.get(c.cell);
    return el("button", { type: "button", style: strong, disabled: !move || move.kind === "end", onclick: () => go(move.at), "aria-label": `${c.cell}: ${percent(c.share)}` }, c.cell, el("br"), percent(c.share));
  });
  return el("div", { class: "board", style: `grid-template-columns:repeat(${node.board.columns},1fr)` }, cells);
}
