// A decision of hold'em: both ranges' figures, the grid, combos, hands by kind, curves, blockers, ranges, run-outs.
import { ask } from "./ask.js";
import { cells, classOf, grid, RANKS } from "./grid.js";
import { curves, distribution } from "./curves.js";
import { colours, el, known, mix, number, percent, table } from "./dom.js";
import { somewhere, trainer } from "./trainer.js";

const TABS = ["combos", "kinds", "curves", "blockers", "best response", "ranges", "trainer"];
const state = { tab: "combos", hand: "", seat: "", show: "strategy", made: "", draw: "" };

/** Fill a place with a node of hold'em; `go(at)` leads to another one. */
export function holdem(place, node, source, go, compact = false) {
  if (node.kind === "end") place.replaceChildren(el("p", {}, `The betting is over: ${node.end}. Pot ${node.pot}.`));
  else if (node.kind === "cards") cardsPage(place, node, source, go);
  else decision(place, node, source, go, compact);
}

function title(node) {
  return `${node.player.toUpperCase()} ${node.at ? `after ${node.at}` : "first to act"} · ${node.board || node.street} · pot ${node.pot}`;
}

function summary(node) {
  const seats = ["oop", "ip"];
  const columns = [["", (p) => seats[p].toUpperCase()]];
  if (node.ev) columns.push(["EV", (p) => number(node.ev[p])], ["equity", (p) => percent(node.equity[p])], ["realised", (p) => percent(node.realisation[p])]);
  columns.push(["combos", (p) => number(node.hands[seats[p]].weight.reduce((a, b) => a + b, 0), 1)]);
  const paint = colours(node.actions);
  const rows = node.actions.map((a, k) => [a, k]);
  return [
    node.taken?.length ? el("p", {}, node.taken.join("; ")) : null,
    node.note ? el("p", {}, el("span", { class: "note" }, `Off the equilibrium path: ${node.note}${node.reach ? `, ${(100 * node.reach).toPrecision(2)} % of the time` : ""}. The strategy here says little.`)) : null,
    el("div", { class: "sums" }, table("Both ranges", columns, [0, 1]), table("How often each action is taken", [["action", ([a, k]) => [el("span", { class: "key", style: `background:${paint[k]}` }), a]], ["", ([a]) => percent(node.strategy[a])]], rows)),
  ];
}

function decision(place, node, source, go, compact) {
  const seat = state.seat || node.player;
  const hands = node.hands[seat];
  const acts = seat === node.player;
  const redo = () => decision(place, node, source, go, compact);
  const pick = (k) => (!state.made || hands.made[k] === state.made) && (!state.draw || hands.draws[k].includes(state.draw));
  const shows = ["strategy", ...(hands.ev ? ["ev", "equity", "realisation"] : []), "weight"];
  const value = hands[state.show] && state.show !== "strategy" ? hands[state.show] : null;
  const text = (cell) => {
    if (state.show === "weight") return percent(cell.weight, 0);
    if (value) return state.show === "ev" ? number(cell.value, 1) : percent(cell.value, 0);
    return cell.odds ? percent(Math.max(...cell.odds), 0) : percent(cell.weight, 0);
  };
  const actions = acts ? node.actions : [];
  const picture = grid(`Hands of ${seat.toUpperCase()}`, cells(hands, value, pick), actions, text, state.hand, (name) => { state.hand = state.hand === name ? "" : name; redo(); });
  const choice = (name, values, label = (v) => v) => el("div", { class: "tools", role: "group", "aria-label": name },
    values.map((v) => el("button", { type: "button", "aria-pressed": String((name === "hands of" ? seat : state[name]) === v), onclick: () => { if (name === "hands of") { state.seat = v === node.player ? "" : v; } else state[name] = v; redo(); } }, label(v))));
  const left = el("section", {}, el("h2", {}, title(node)), summary(node),
    choice("hands of", ["oop", "ip"], (v) => `${v.toUpperCase()}'s hands`), choice("show", shows), filters(hands, redo), picture);
  if (compact) { place.replaceChildren(left); return; }
  const tabs = el("div", { class: "tools", role: "tablist" }, TABS.filter((t) => hands.ev || !["curves", "best response", "trainer"].includes(t)).map((t) =>
    el("button", { type: "button", role: "tab", "aria-selected": String(state.tab === t), onclick: () => { state.tab = t; redo(); } }, t)));
  const panel = el("div", { role: "tabpanel", id: "panel" });
  place.replaceChildren(el("div", { class: "columns two" }, left, el("section", {}, tabs, panel)));
  fill(panel, node, hands, acts, source, go, pick);
}

function filters(hands, redo) {
  const select = (name, values) => {
    const made = el("select", { "aria-label": `only ${name}`, onchange: (e) => { state[name] = e.target.value; redo(); } },
      el("option", { value: "" }, name === "made" ? "all made hands" : "all draws"), values.map((v) => el("option", { value: v }, v)));
    made.value = values.includes(state[name]) ? state[name] : (state[name] = "");
    return made;
  };
  const made = [...new Set(hands.made)].filter(Boolean), draws = [...new Set(hands.draws.flat())];
  if (!made.length) { state.made = state.draw = ""; return null; }
  return el("div", { class: "tools" }, select("made", made), draws.length ? select("draw", draws) : null);
}

async function fill(panel, node, hands, acts, source, go, pick) {
  const tab = state.tab;
  const query = { source, at: node.at };
  try {
    if (tab === "combos") panel.replaceChildren(combos(node, hands, acts, pick));
    else if (tab === "kinds") panel.replaceChildren(kinds(node, hands, acts, "made", pick), kinds(node, hands, acts, "draws", pick));
    else if (tab === "curves") panel.replaceChildren(...["equity", "ev"].map((name) =>
      curves(name === "ev" ? "EV in chips" : "Equity", ["oop", "ip"].map((p) => ({ name: p.toUpperCase(), points: distribution(node.hands[p].share, node.hands[p][name]) })), ["per cent of the range", name])));
    else if (tab === "blockers") panel.replaceChildren(blockers(await ask("blockers", query), node));
    else if (tab === "best response") panel.replaceChildren(...response(await ask("response", query), node));
    else if (tab === "ranges") panel.replaceChildren(...ranges(await ask("range", query)));
    else if (node.hands[node.player].action_ev) trainer(panel, node, async () => { const found = await somewhere((at) => ask("node", { source, at })); if (found) go(found.at); });
  } catch (error) {
    panel.replaceChildren(el("p", { role: "alert" }, error.message));
  }
}

const index = (hands) => hands.combo.map((_, k) => k);

function columnsOf(node, hands, acts) {
  const columns = [["weight", (k) => number(hands.weight[k])]];
  if (hands.ev) columns.push(["EV", (k) => number(hands.ev[k])], ["equity", (k) => percent(hands.equity[k])], ["realised", (k) => percent(hands.realisation[k])]);
  if (hands.visits) columns.push(["visits", (k) => String(hands.visits[k])]);
  if (acts) {
    columns.push(["", (k) => mix(node.actions, hands.strategy.map((row) => row[k]))]);
    node.actions.forEach((a, i) => columns.push([a, (k) => percent(hands.strategy[i][k])]));
    if (hands.action_ev) node.actions.forEach((a, i) => columns.push([`EV ${a}`, (k) => number(hands.action_ev[i][k], 2)]));
  }
  return columns;
}

function combos(node, hands, acts, pick) {
  const rows = index(hands).filter((k) => pick(k) && (!state.hand || classOf(hands.combo[k]) === state.hand))
    .sort((a, b) => hands.weight[b] - hands.weight[a]);
  const caption = state.hand ? `Combos of ${state.hand}` : `Combos, of the largest weight first${rows.length > 150 ? ` (150 of ${rows.length}; click a hand in the grid)` : ""}`;
  return table(caption, [["combo", (k) => hands.combo[k]], ...columnsOf(node, hands, acts), ["", (k) => hands.note[k]]], rows.slice(0, 150), (k) => hands.note[k] !== "");
}

function kinds(node, hands, acts, by, pick) {
  const groups = new Map();
  for (const k of index(hands).filter(pick)) for (const name of by === "made" ? [hands.made[k]] : hands.draws[k]) {
    if (name) groups.set(name, [...(groups.get(name) ?? []), k]);
  }
  if (!groups.size) return el("p", {}, by === "made" ? "Hands have names from the flop on." : "");
  const mean = (ks, values) => { let sum = 0, all = 0; for (const k of ks) if (known(values[k]) && hands.share[k] > 0) { sum += hands.share[k] * values[k]; all += hands.share[k]; } return all ? sum / all : null; };
  const share = (ks) => ks.reduce((sum, k) => sum + hands.share[k], 0);
  const columns = [[by === "made" ? "made hand" : "draw", ([name]) => name], ["of the range", ([, ks]) => percent(share(ks))]];
  if (hands.ev) columns.push(["EV", ([, ks]) => number(mean(ks, hands.ev))], ["equity", ([, ks]) => percent(mean(ks, hands.equity))], ["realised", ([, ks]) => percent(mean(ks, hands.realisation))]);
  if (acts) {
    columns.push(["", ([, ks]) => mix(node.actions, hands.strategy.map((row) => mean(ks, row)))]);
    node.actions.forEach((a, i) => columns.push([a, ([, ks]) => percent(mean(ks, hands.strategy[i]))]));
  }
  return table(by === "made" ? "By made hand" : "By draw", columns, [...groups].sort((a, b) => share(b[1]) - share(a[1])));
}

function blockers(told, node) {
  const columns = [["card", (c) => c.card], ["held", (c) => percent(c.held)], ["takes from the other", (c) => percent(c.removed)],
    ...node.actions.map((a) => [a, (c) => percent(c.strategy[a])])];
  for (const [a, odds] of Object.entries(told.cards[0]?.answers ?? {})) for (const b of Object.keys(odds)) columns.push([`${a}: ${b}`, (c) => percent(c.answers[a][b])]);
  return table(`What holding a card does: to the other's range, to ${told.player.toUpperCase()}'s own action, and to the answers ("bet: call" is how often the other calls without the card)`, columns, [...told.cards].sort((a, b) => b.removed - a.removed));
}

function response(told, node) {
  const hands = node.hands[node.player];
  const at = new Map(hands.combo.map((c, k) => [c, k]));
  const rows = told.combo.map((combo, k) => ({ combo, k, own: at.get(combo) })).filter((r) => told.best[r.k] >= 0)
    .map((r) => ({ ...r, gain: Math.max(...told.action_ev.map((row) => row[r.k]).filter(known)) - hands.ev[r.own] })).sort((a, b) => b.gain * hands.share[b.own] - a.gain * hands.share[a.own]);
  return [el("p", {}, `Responding best from here on, against the solution's other player, ${told.player.toUpperCase()} earns ${number(told.ev)} chips, ${number(told.gain)} more than by its own strategy. Nothing was solved again.`),
    table("Best response here, what it gains most by first", [["combo", (r) => r.combo], ["best", (r) => told.actions[told.best[r.k]]], ["gain", (r) => number(r.gain)], ...told.actions.map((a, i) => [`EV ${a}`, (r) => number(told.action_ev[i][r.k], 2)])], rows.slice(0, 100))];
}

function ranges(told) {
  const area = (name, text) => {
    const field = el("textarea", { readonly: true, "aria-label": name, spellcheck: "false" });
    field.value = text;
    return [el("h3", {}, name), field, el("button", { type: "button", onclick: () => { field.select(); navigator.clipboard?.writeText(text); } }, "Copy")];
  };
  return [...area("OOP's range here", told.oop), ...area("IP's range here", told.ip), ...(told.spot ? area("What is played from here on, as a spot file", told.spot) : [el("p", {}, told.why)])];
}

function cardsPage(place, node, source, go) {
  const board = el("div", {});
  place.replaceChildren(el("section", {}, el("h2", {}, `The ${node.street} is over after ${node.at || "the deal"} · ${node.board} · pot ${node.pot}`),
    el("p", {}, node.next.due === 1 ? "Choose a card in the bar, or look at all of them:" : `Type the ${node.next.due} cards that come in the bar.`),
    node.next.due === 1 ? el("button", { type: "button", id: "runouts", onclick: () => runouts(board, node, source, go) }, "Report of all cards") : null, board));
}

async function runouts(place, node, source, go) {
  place.replaceChildren(el("p", {}, "Working out every card ..."));
  try {
    const told = await ask("runouts", { source, at: node.at });
    const by = new Map(told.cards.map((row) => [row.card, row]));
    const figures = { "OOP's EV": (r) => r.ev[0], "IP's EV": (r) => r.ev[1], "OOP's equity": (r) => r.equity[0], ...Object.fromEntries([...new Set(told.cards.flatMap((r) => Object.keys(r.strategy)))].map((a) => [a, (r) => r.strategy[a]])) };
    const select = el("select", { "aria-label": "figure", onchange: () => paint() }, Object.keys(figures).map((f) => el("option", {}, f)));
    const cardsGrid = el("div", { class: "runouts", role: "group", "aria-label": "Cards that may come" });
    const paint = () => {
      const of = figures[select.value], text = select.value.endsWith("EV") ? (x) => number(x, 2) : (x) => percent(x, 0);
      const values = told.cards.map(of).filter(known), low = Math.min(...values), high = Math.max(...values);
      cardsGrid.replaceChildren(...[..."shdc"].flatMap((suit) => [...RANKS].map((rank) => {
        const row = by.get(rank + suit);
        if (!row) return el("div", { class: "gone" });
        const x = of(row), strong = known(x) && high > low ? (x - low) / (high - low) : 0;
        return el("button", { type: "button", "data-card": row.card, style: `background:color-mix(in srgb, var(--a1) ${Math.round(70 * strong)}%, var(--soft))`, "aria-label": `${row.card}: ${select.value} ${text(x)}`, onclick: () => go(row.at) }, row.card, el("br"), text(x));
      })));
    };
    paint();
    place.replaceChildren(el("div", { class: "tools" }, select), cardsGrid, table("Card by card", [["card", (r) => r.card], ["comes", (r) => percent(r.share, 2)], ["OOP EV", (r) => number(r.ev[0])], ["IP EV", (r) => number(r.ev[1])], ["OOP equity", (r) => percent(r.equity[0])],
      ...Object.keys(figures).slice(3).map((a) => [a, (r) => percent(r.strategy[a])]), ["", (r) => r.note]], told.cards, (r) => r.note !== ""));
  } catch (error) {
    place.replaceChildren(el("p", { role: "alert" }, error.message));
  }
}
