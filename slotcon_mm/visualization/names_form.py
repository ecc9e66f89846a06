"""Where a person names prototypes, on the gallery's page: fields, an overview, and ``names.json`` out and in.

The script needs no server and loads nothing. What is typed stays in the browser, by the fingerprint of the weights.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping

__all__ = ["FORM_STYLE", "form", "name_field", "script"]

FORM_STYLE = """
#naming { position: sticky; top: 0; z-index: 1; background: #f6f7f9; border: 1px solid #ccd; border-radius: 6px;
  padding: .5rem .8rem; margin: 1rem 0; } #naming button, #naming label { display: inline-block; font: inherit;
  line-height: 1.5; padding: .15rem .7rem; border: 1px solid #99a; border-radius: 4px; background: #fff;
  cursor: pointer; }
#naming label { position: relative; } #naming label input { position: absolute; width: 1px; opacity: 0; }
#naming label:focus-within { outline: 2px solid #36c; } #message { color: #a00; margin-left: .6rem; }
#overview { margin: .4rem 0 0; padding: 0; max-height: 6.6rem; overflow-y: auto; columns: 3; list-style: none; }
#overview li { break-inside: avoid; } #overview a { margin-left: .3em; } code { font-size: .9em; white-space: nowrap; }
aside input { font: inherit; width: 100%; box-sizing: border-box; padding: .1rem .35rem; margin: .3rem 0; }
section { scroll-margin-top: var(--bar, 0); }
"""

SCRIPT = """
"use strict";
const find = id => document.getElementById(id);
const given = JSON.parse(find("given").textContent);
const key = "slotcon_mm names " + given.fingerprint;
const fields = [...document.querySelectorAll("input[data-prototype]")];
const fold = name => name.toLowerCase();
const tidy = text => text.trim().replace(/\\s+/g, " ");
let names = stored() ?? {...given.names};

function stored() {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}

function keep() {
  try { localStorage.setItem(key, JSON.stringify(names)); }
  catch { say("This browser keeps nothing: download before you close the page."); }
}

function say(text) { find("message").textContent = text; }

function prototypesByName() {
  const found = new Map();
  for (const [prototype, name] of Object.entries(names)) found.set(name, [...found.get(name) ?? [], prototype]);
  return new Map([...found].sort(([a], [b]) => fold(a) < fold(b) ? -1 : 1));
}

function link(prototype) {
  const anchor = document.createElement("a");
  anchor.textContent = prototype;
  if (find("p" + prototype)) anchor.href = "#p" + prototype;
  return anchor;
}

function showOverview() {
  const found = prototypesByName();
  find("known").replaceChildren(...[...found.keys()].map(name => new Option(name, name)));
  find("overview").replaceChildren(...[...found].map(([name, prototypes]) => {
    const row = document.createElement("li");
    row.append(name + ":", ...prototypes.map(link));
    return row;
  }));
  const named = fields.filter(field => names[field.dataset.prototype]).length;
  find("count").textContent = `${named} of ${fields.length} prototypes are named, by ${found.size} names.`;
  find("download").disabled = !found.size;
  document.documentElement.style.setProperty("--bar", find("naming").offsetHeight + 8 + "px");
}

function fillFields() {
  for (const field of fields) field.value = names[field.dataset.prototype] ?? "";
  showOverview();
}

function setName(prototype, name) {
  if (name) names[prototype] = name; else delete names[prototype];
  keep();
  showOverview();
}

for (const field of fields) {
  const prototype = field.dataset.prototype;
  field.addEventListener("input", () => setName(prototype, tidy(field.value)));
  field.addEventListener("change", () => {  // another prototype's spelling counts: "Car" joins "car"
    const name = tidy(field.value);
    const others = Object.entries(names).filter(([other]) => other !== prototype).map(([, known]) => known);
    field.value = others.find(known => fold(known) === fold(name)) ?? name;
    setName(prototype, field.value);
  });
  field.addEventListener("keydown", event => {
    if (event.key === "Enter") fields[fields.indexOf(field) + 1]?.focus();
  });
}

find("download").addEventListener("click", () => {
  const text = JSON.stringify({...given, names}, null, 2) + "\\n";
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  anchor.download = "names.json";
  anchor.click();
  say("");
});

function check(content) {
  if (typeof content?.names !== "object" || content.names === null) throw Error('it has no "names"');
  if ((content.prototypes ?? given.prototypes) !== given.prototypes)
    throw Error(`it is for ${content.prototypes} prototypes, these weights have ${given.prototypes}`);
  if ((content.fingerprint ?? given.fingerprint) !== given.fingerprint) throw Error("it belongs to other weights");
  const found = {};
  for (const [prototype, name] of Object.entries(content.names)) {
    if (!/^(0|[1-9][0-9]*)$/.test(prototype) || +prototype >= given.prototypes || typeof name !== "string")
      throw Error(`"${prototype}" with ${JSON.stringify(name)} is no name of a prototype`);
    if (tidy(name)) found[prototype] = tidy(name);
  }
  return found;
}

find("load").addEventListener("change", async () => {
  const [file] = find("load").files;
  try {
    names = check(JSON.parse(await file.text()));
    say("");
    keep();
    fillFields();
  } catch (error) { say(`${file.name} was not loaded: ${error.message}.`); }
  find("load").value = "";
});

find("restart").addEventListener("click", () => {
  if (!confirm("Forget all names that were typed here?")) return;
  names = {...given.names};
  keep();
  fillFields();
});

fillFields();
"""


def form() -> str:
    """Buttons and the overview, at the top of the page."""
    return (
        "<p>Type a name beside each prototype: the same name merges several, without one they are background. Then "
        "<code>python tools/infer.py WEIGHTS IMAGES --names names.json --format coco</code> writes masks of what you "
        "named.</p><header id='naming'><p><button id='download'>Download names.json</button> <label>Load names.json"
        "<input type='file' id='load' accept='.json'></label> <button id='restart'>Start over</button> "
        "<span id='count'></span><output id='message'></output></p><ul id='overview'></ul><datalist id='known'>"
        "</datalist></header>"
    )


def name_field(prototype: int, name: str) -> str:
    return (
        f"<input list='known' placeholder='name' data-prototype='{prototype}' value='{html.escape(name)}' "
        f"aria-label='name of prototype {prototype}' autocomplete='off' spellcheck='false'>"
    )


def script(names: Mapping[int, str], num_prototypes: int, fingerprint: str) -> str:
    """What goes to the end of the page: the names that fields start with, as data, and the code."""
    listed = {str(prototype): name for prototype, name in names.items()}
    given = json.dumps(dict(prototypes=num_prototypes, fingerprint=fingerprint, names=listed)).replace("<", "\\u003c")
    return f"<script type='application/json' id='given'>{given}</script><script>{SCRIPT}</script>"
