// The data of the report, and small helpers that every part uses.

const DATA = JSON.parse(document.getElementById("data").textContent);

const byId = (id) => document.getElementById(id);

// A new element with text and attributes.
function make(tag, text, attributes) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  return element;
}

// Fill a select with [value, label] pairs.
function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, label]) => make("option", label, { value })));
  if (chosen !== undefined) select.value = chosen;
}

function metricText(name, value) {
  if (value === undefined || value === null) return "\u2013";
  const about = DATA.metrics[name];
  return value.toFixed(about.digits) + (about.unit ? " " + about.unit : "");
}

function metricTitle(name) {
  const arrow = { higher: " \u2191", lower: " \u2193", one: " \u2192 1" }[DATA.metrics[name].better] || "";
  return DATA.metrics[name].title + arrow;
}

const bppText = (bpp) => bpp.toFixed(4);
const shownCodecs = () => Object.keys(DATA.codecs).filter((name) => DATA.codecs[name].shown);
