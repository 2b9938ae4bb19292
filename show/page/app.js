// The page: which file and node it shows (in the address), keys, the second file beside the first, finding decisions.
import { ask, exported, whenChanged } from "./ask.js";
import { arrow, fillBar } from "./bar.js";
import { curves } from "./curves.js";
import { difference } from "./difference.js";
import { el } from "./dom.js";
import { holdem } from "./holdem.js";
import { tree } from "./tree.js";

const byId = (id) => document.getElementById(id);
const main = byId("main"), bar = byId("bar"), told = byId("told"), dialog = byId("dialog");
let sources = [], shown = null;

const place = () => {
  const query = new URLSearchParams(location.hash.slice(1));
  return { source: query.get("source") ?? "0", at: query.get("at") ?? "", beside: query.get("beside") ?? "", other: query.get("other") };
};

function go(changes) {
  const next = { ...place(), ...changes };
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(next)) if (value !== null && value !== "") query.set(key, value);
  location.hash = query.toString();
}

async function show() {
  const now = place();
  byId("source").value = now.source;
  byId("beside").value = now.beside;
  const turn = (shown = { now });
  setTimeout(() => { if (shown === turn && !turn.node && !turn.failed) told.textContent = "Working it out ..."; }, 300);
  try {
    const node = await ask("node", { source: now.source, at: now.at });
    if (shown !== turn) return;
    shown.node = node;
    told.textContent = "";
    fillBar(bar, node, (at) => go({ at, other: null }));
    document.title = `${now.at || "first decision"} · Counterplay`;
    if (now.beside === "") draw(main, node, now.source, (at) => go({ at }), false);
    else await pair(node, now, turn);
  } catch (error) {
    turn.failed = true;
    if (shown === turn) told.textContent = error.message;
  }
}

async function pair(node, now, turn) {
  const other = now.other ?? now.at;
  const left = el("div", {}), right = el("div", {}), bar2 = el("nav", { id: "bar2", "aria-label": "Line of play beside", style: "display:flex;gap:.35rem;overflow-x:auto" });
  const body = el("div", {}), apart = el("div", {});
  right.append(bar2, body);
  draw(left, node, now.source, (at) => go({ at }), true);
  try {
    const second = await ask("node", { source: now.beside, at: other });
    if (shown !== turn) return;
    fillBar(bar2, second, (at) => go({ other: at }));
    draw(body, second, now.beside, (at) => go({ other: at }), true);
    difference(apart, node, second);
  } catch (error) {
    body.replaceChildren(el("p", { role: "alert" }, error.message));
  }
  main.replaceChildren(el("div", { class: "columns even" }, left, right), apart);
}

function draw(where, node, source, follow, compact) {
  const about = sources[Number(source)];
  if (node.kind === "run") {
    where.replaceChildren(el("h2", {}, about.title), ...Object.entries(node.curves).map(([name, points]) => curves(name, [{ name, points }], ["steps", name])));
    return;
  }
  const body = el("div", {});
  where.replaceChildren(body);
  if (about.kind === "holdem" || about.kind === "blueprint") holdem(body, node, source, follow, compact);
  else tree(body, node, follow);
  if (compact || node.line?.length > (about.kind === "factored" ? 1 : 0)) return;
  where.append(el("details", {}, el("summary", {}, "How it was solved"), el("dl", {}, about.facts.flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)])),
    about.trace?.length ? curves("Exploitability", [{ name: about.title, points: about.trace.map(([i, , e]) => [i, e]) }], ["iterations", "exploitability"], true) : null));
}

function open(...parts) {
  dialog.replaceChildren(...parts, el("p", {}, el("button", { type: "button", onclick: () => dialog.close() }, "Close")));
  if (!dialog.open) dialog.showModal();
}

function help() {
  const keys = [["← →", "back, or on to the first action"], ["↑ ↓", "to the action before or after, in place of the last one"], ["/", "find a decision"], ["?", "this help"], ["Esc", "close"]];
  open(el("h2", {}, "Keys"), el("dl", {}, keys.flatMap(([key, text]) => [el("dt", {}, key), el("dd", {}, text)])),
    el("p", {}, exported ? "This page was exported: it holds the first decisions of each file." : "Colours: blue folds, green checks and calls, orange to violet bets and raises by their size."));
}

function find() {
  const { source } = place(), kind = sources[Number(source)].kind;
  const lines = kind === "holdem" || kind === "blueprint";
  const field = el("input", { "aria-label": lines ? "Line of play" : "Text in a decision", placeholder: lines ? "check bet 30 call [Ah]" : "part of what a player sees" });
  const results = el("div", { id: "results" });
  field.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (lines) { dialog.close(); go({ at: field.value.trim() }); return; }
    try {
      const { found } = await ask("search", { source, text: field.value });
      results.replaceChildren(...(found.length ? found.map((f) => el("p", {}, el("button", { type: "button", onclick: () => { dialog.close(); go({ at: f.at }); } }, f.label))) : [el("p", {}, "Nothing found.")]));
    } catch (error) { results.replaceChildren(el("p", {}, error.message)); }
  });
  open(el("h2", {}, "Find a decision"), field, results);
  field.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (event.key === "?") { event.preventDefault(); help(); }
  else if (event.key === "/") { event.preventDefault(); find(); }
  else if (event.key.startsWith("Arrow") && shown?.node) {
    const at = arrow(shown.node, event.key);
    if (at !== null) { event.preventDefault(); go({ at }); }
  }
});
byId("help").addEventListener("click", help);
byId("find").addEventListener("click", find);
byId("source").addEventListener("change", (event) => go({ source: event.target.value, at: null, other: null }));
byId("beside").addEventListener("change", (event) => go({ beside: event.target.value, other: null }));
whenChanged((number) => { setTimeout(() => { told.textContent = `${sources[number].file} has changed, and was read again.`; }, 50); });
window.addEventListener("hashchange", show);

try {
  ({ sources } = await ask("sources"));
  byId("source").append(...sources.map((s) => el("option", { value: String(s.source) }, s.file)));
  byId("beside").append(el("option", { value: "" }, "nothing"), ...sources.map((s) => el("option", { value: String(s.source) }, s.file)));
  await show();
} catch (error) {
  told.textContent = error.message;
}
