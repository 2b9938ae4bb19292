// The line of play as a bar: a step for each decision and for cards, all siblings visible.
import { el } from "./dom.js";

/** Fill the bar for an answer about a node; `go(at)` leads on. */
export function fillBar(bar, node, go) {
  bar.replaceChildren(...[...(node.line ?? []), ...(node.next ? [{ ...node.next, chosen: null }] : [])].map((step) => oneStep(step, go)));
  bar.scrollLeft = bar.scrollWidth;
}

function oneStep(step, go) {
  const cards = step.who === "cards";
  const moves = step.moves.map((move) => {
    const chosen = move.label === step.chosen;
    if (move.kind === "end" && move.end) return el("div", { class: chosen ? "end chosen" : "end" }, `${move.label} · ${move.end}`);
    return el("button", { type: "button", "data-at": move.at, "aria-current": chosen ? "true" : null, onclick: () => go(move.at) }, move.label);
  });
  if (cards && !step.moves.length) moves.push(dealt(step, go));
  return el("div", { class: "step", role: "group", "aria-label": `${step.who}${step.chosen ? `: ${step.chosen}` : ""}` },
    el("strong", {}, step.who), cards && step.moves.length ? el("div", { class: "cards" }, moves) : moves);
}

function dealt(step, go) {
  const field = el("input", { "aria-label": `${step.due} cards`, placeholder: "Ks7d2c", size: 8, value: (step.chosen ?? "").replace(/ /g, "") });
  field.addEventListener("change", () => go(`${step.at} [${field.value}]`.trim()));
  return field;
}

/** Return where an arrow key leads from a node: back, on, or to the sibling above or below; null for nowhere. */
export function arrow(node, key) {
  const last = node.line?.at(-1);
  if (key === "ArrowLeft") return last ? last.at : null;
  const open = (moves) => moves.filter((move) => !(move.kind === "end" && move.end));
  if (key === "ArrowRight") return open(node.next?.moves ?? [])[0]?.at ?? null;
  if (!last) return null;
  const moves = open(last.moves);
  const k = moves.findIndex((move) => move.label === last.chosen);
  return moves[k + (key === "ArrowDown" ? 1 : -1)]?.at ?? null;
}
