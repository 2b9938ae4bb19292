// Asks the server, or, in an exported page, the answers that it carries.
const element = document.getElementById("kept");
const kept = element ? JSON.parse(element.textContent) : null;
export const exported = kept !== null;
const answers = new Map();
const readings = new Map();
let onChange = () => {};

/** Call `told(text)` when a file is another than it was. */
export function whenChanged(told) { onChange = told; }

/** Return the answer to a question of the JSON interface; throws an Error whose message is a sentence. */
export async function ask(what, query = {}) {
  const text = Object.entries(query).map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join("&");
  const key = text ? `${what}?${text}` : what;
  if (kept) {
    const found = kept[keptKey(what, query)] ?? kept[key];
    if (!found) throw new Error("This page was exported without that: open the file with counterplay view.");
    return found;
  }
  if (answers.has(key)) return answers.get(key);
  let response;
  try {
    response = await fetch(`api/${key}`);
  } catch {
    throw new Error("The server does not answer: start counterplay view again.");
  }
  const told = await response.json();
  if (!response.ok) throw new Error(told.error ?? response.statusText);
  if ("reading" in told) {
    const before = readings.get(told.source);
    readings.set(told.source, told.reading);
    if (before !== undefined && before !== told.reading) {
      answers.clear();
      onChange(told.source);
    }
  }
  if (answers.size > 300) answers.clear();
  answers.set(key, told);
  return told;
}

function keptKey(what, query) {
  // as Python's quote writes it
  const quoted = encodeURIComponent(query.at ?? "").replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${what}?source=${query.source}&at=${quoted}`;
}
