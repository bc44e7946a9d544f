#!/bin/sh
# Fills a folder with the lexicon that syntaxgen reads: the npm package brill, version pinned, as word<TAB>tags.
# Usage: fetch.sh FOLDER. Needs npm and node. Nothing of it goes into the repository but what syntaxgen makes of it.
set -eu
mkdir -p "$1"
cd "$1"
npm init -y >/dev/null
npm install --no-save brill@3.1.0
node --input-type=module -e "import {brill} from './node_modules/brill/index.js'
for (const w of Object.keys(brill)) console.log(w + '\t' + brill[w].join(' '))" >brill.tsv
