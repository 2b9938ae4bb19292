// A trainer: deals a hand of the range at a decision, asks for an action, and tells what it loses.
import { el, known, number, percent } from "./dom.js";

/** Draw an index by weights. */
export function draw(weights, random = Math.random) {
  const total = weights.reduce((sum, w) => sum + w, 0);
  let left = random() * total;
  for (let k = 0; k < weights.length; k++) {
    left -= weights[k];
    if (left < 0) return k;
  }
  return weights.length - 1;
}

const score = { hands: 0, lost: 0 };

/** Fill a place with the trainer of a decision: `other()` leads to another decision of the solution. */
export function trainer(place, node, other) {
  const hands = node.hands[node.player];
  const k = draw(hands.share);
  const worth = node.actions.map((_, a) => hands.action_ev[a][k]);
  const best = Math.max(...worth.filter(known));
  const answer = el("div", { role: "status", "aria-live": "polite" });
  const buttons = node.actions.map((action, a) => el("button", { type: "button", onclick: () => choose(a) }, action));
  function choose(a) {
    for (const button of buttons) button.disabled = true;
    const lost = known(worth[a]) ? best - worth[a] : 0;
    score.hands += 1;
    score.lost += lost;
    answer.replaceChildren(
      el("p", {}, lost < 0.005 ? "Nothing lost: " : `EV lost: ${number(lost, 2)} chips. `,
        node.actions.map((b, i) => `${b} ${percent(hands.strategy[i][k])}, EV ${number(worth[i], 2)}`).join(" · ")),
      el("p", {}, `${score.hands} hands, ${number(score.lost, 2)} chips lost in all.`));
  }
  place.replaceChildren(
    el("h3", {}, `${node.player.toUpperCase()} on ${node.board || node.street}, pot ${node.pot}`),
    el("p", { class: "cards-big", "data-combo": hands.combo[k] }, hands.combo[k]),
    el("div", { class: "tools" }, buttons), answer,
    el("div", { class: "tools" },
      el("button", { type: "button", onclick: () => trainer(place, node, other) }, "Next hand here"),
      el("button", { type: "button", onclick: other }, "Another decision")));
}

/** Return a decision that play gets to: actions and cards are drawn as the solution and the deck have them. */
export async function somewhere(get) {
  let node = await get("");
  const met = [];
  for (let step = 0; step < 40 && node.kind !== "end"; step++) {
    if (node.kind === "decision") {
      met.push(node);
      const moves = node.next.moves;
      const move = moves[draw(moves.map((m) => node.strategy[m.label] ?? 0))];
      if (move.kind === "end") break;
      node = await get(move.at);
    } else {
      const cards = node.next.moves;
      if (!cards.length) break;
      node = await get(cards[Math.floor(Math.random() * cards.length)].at);
    }
  }
  return met[Math.floor(Math.random() * met.length)];
}
