package main

import "cloister/internal/work/language"

// source says where a row's text lies, by the names that each collection uses.
type source struct {
	code    string // as Comprehend writes it
	script  language.Script
	eld     string // column of Nito-ELD, "" if the row is estimated from text
	udhr    []string
	android string // res/values-...
	cldr    string // annotations/...
	words   string // traineddata
	lingua  string // language-models/... of lingua-go
}

// sources lists every row: ELD's columns first, then the rows that ELD does not have.
var sources = []source{
	{"az", language.Latin, "az", []string{"azj_latn"}, "az", "az", "aze", "az"},
	{"ca", language.Latin, "ca", []string{"cat"}, "ca", "ca", "", "ca"},
	{"cs", language.Latin, "cs", []string{"ces"}, "cs", "cs", "ces", "cs"},
	{"da", language.Latin, "da", []string{"dan"}, "da", "da", "dan", "da"},
	{"de", language.Latin, "de", []string{"deu_1996"}, "de", "de", "deu", "de"},
	{"en", language.Latin, "en", []string{"eng"}, "en-rGB", "en", "", "en"},
	{"es", language.Latin, "es", []string{"spa"}, "es", "es", "spa", "es"},
	{"et", language.Latin, "et", []string{"est"}, "et", "et", "", "et"},
	{"eu", language.Latin, "eu", []string{"eus"}, "eu", "eu", "", "eu"},
	{"fi", language.Latin, "fi", []string{"fin"}, "fi", "fi", "", "fi"},
	{"fr", language.Latin, "fr", []string{"fra"}, "fr", "fr", "fra", "fr"},
	{"hr", language.Latin, "hr", []string{"hrv"}, "hr", "hr", "hrv", "hr"},
	{"hu", language.Latin, "hu", []string{"hun"}, "hu", "hu", "", "hu"},
	{"is", language.Latin, "is", []string{"isl"}, "is", "is", "", "is"},
	{"it", language.Latin, "it", []string{"ita"}, "it", "it", "ita", "it"},
	{"lt", language.Latin, "lt", []string{"lit"}, "lt", "lt", "", "lt"},
	{"lv", language.Latin, "lv", []string{"lav"}, "lv", "lv", "", "lv"},
	{"ms", language.Latin, "ms", nil, "ms", "ms", "msa", "ms"},
	{"nl", language.Latin, "nl", []string{"nld"}, "nl", "nl", "nld", "nl"},
	{"no", language.Latin, "no", []string{"nob"}, "nb", "no", "nor", "nb"},
	{"pl", language.Latin, "pl", []string{"pol"}, "pl", "pl", "", "pl"},
	{"pt", language.Latin, "pt", []string{"por_PT", "por_BR"}, "pt", "pt", "por", "pt"},
	{"ro", language.Latin, "ro", []string{"ron_2006"}, "ro", "ro", "ron", "ro"},
	{"sk", language.Latin, "sk", []string{"slk"}, "sk", "sk", "slk", "sk"},
	{"sl", language.Latin, "sl", []string{"slv"}, "sl", "sl", "slv", "sl"},
	{"sq", language.Latin, "sq", []string{"als"}, "sq", "sq", "", "sq"},
	{"sv", language.Latin, "sv", []string{"swe"}, "sv", "sv", "swe", "sv"},
	{"tl", language.Latin, "tl", []string{"tgl"}, "tl", "fil", "", "tl"},
	{"tr", language.Latin, "tr", []string{"tur"}, "tr", "tr", "tur", "tr"},
	{"vi", language.Latin, "vi", []string{"vie"}, "vi", "vi", "", "vi"},
	{"yo", language.Latin, "yo", []string{"yor"}, "", "yo", "", "yo"},
	{"be", language.Cyrillic, "be", []string{"bel"}, "be", "be", "bel", "be"},
	{"bg", language.Cyrillic, "bg", []string{"bul"}, "bg", "bg", "bul", "bg"},
	{"ru", language.Cyrillic, "ru", []string{"rus"}, "ru", "ru", "rus", "ru"},
	{"sr", language.Cyrillic, "sr", []string{"srp_cyrl"}, "sr", "sr", "srp", "sr"},
	{"uk", language.Cyrillic, "uk", []string{"ukr"}, "uk", "uk", "ukr", "uk"},
	{"ar", language.Arabic, "ar", []string{"arb"}, "ar", "ar", "ara", "ar"},
	{"fa", language.Arabic, "fa", []string{"pes_1"}, "fa", "fa", "fas", "fa"},
	{"ku", language.Arabic, "ku", []string{"ckb"}, "", "ckb", "", ""},
	{"ur", language.Arabic, "ur", []string{"urd", "urd_2"}, "ur", "ur", "urd", "ur"},
	{"he", language.Hebrew, "", []string{"heb"}, "iw", "he", "", ""},

	{"af", language.Latin, "", []string{"afr"}, "af", "af", "afr", "af"},
	{"bs", language.Latin, "", []string{"bos_latn"}, "bs", "bs", "bos", "bs"},
	{"ceb", language.Latin, "", []string{"ceb"}, "", "ceb", "ceb", ""},
	{"cy", language.Latin, "", []string{"cym"}, "", "cy", "cym", "cy"},
	{"eo", language.Latin, "", []string{"epo"}, "", "", "epo", "eo"},
	{"ga", language.Latin, "", []string{"gle"}, "", "ga", "gle", "ga"},
	{"gd", language.Latin, "", []string{"gla"}, "", "gd", "gla", ""},
	{"gl", language.Latin, "", []string{"glg"}, "gl", "gl", "glg", ""},
	{"ha", language.Latin, "", []string{"hau_NG", "hau_NE"}, "", "ha", "", ""},
	{"ht", language.Latin, "", []string{"hat_popular", "hat_kreyol"}, "", "", "hat", ""},
	{"id", language.Latin, "ms", []string{"ind"}, "in", "id", "ind", "id"},
	{"ilo", language.Latin, "", []string{"ilo"}, "", "", "", ""},
	{"jv", language.Latin, "", []string{"jav"}, "", "jv", "jav", ""},
	{"ku", language.Latin, "", []string{"kmr"}, "", "ku", "kmr", ""},
	{"la", language.Latin, "", []string{"lat", "lat_1"}, "", "", "lat", "la"},
	{"lb", language.Latin, "", []string{"ltz"}, "", "lb", "ltz", ""},
	{"mg", language.Latin, "", []string{"plt"}, "", "", "", ""},
	{"mt", language.Latin, "", []string{"mlt"}, "", "mt", "mlt", ""},
	{"no", language.Latin, "", []string{"nno"}, "", "nn", "", "nn"}, // Nynorsk
	{"om", language.Latin, "", nil, "", "om", "", ""},
	{"qu", language.Latin, "", []string{"quz", "quy"}, "", "qu", "que", ""},
	{"so", language.Latin, "", []string{"som"}, "", "so", "", "so"},
	{"su", language.Latin, "", []string{"sun"}, "", "su", "sun", ""},
	{"sw", language.Latin, "", []string{"swh"}, "sw", "sw", "swa", "sw"},
	{"tk", language.Latin, "", []string{"tuk_latn"}, "", "tk", "", ""},
	{"uz", language.Latin, "", []string{"uzn_latn"}, "uz", "uz", "uzb", ""},
	{"ba", language.Cyrillic, "", nil, "", "ba", "", ""},
	{"cv", language.Cyrillic, "", []string{"chv"}, "", "cv", "", ""},
	{"kk", language.Cyrillic, "", []string{"kaz"}, "kk", "kk", "kaz", "kk"},
	{"ky", language.Cyrillic, "", []string{"kir"}, "ky", "ky", "kir", ""},
	{"mk", language.Cyrillic, "", []string{"mkd"}, "mk", "mk", "mkd", "mk"},
	{"mn", language.Cyrillic, "", []string{"khk"}, "mn", "mn", "mon", "mn"},
	{"tg", language.Cyrillic, "", []string{"tgk"}, "", "tg", "tgk", ""},
	{"tt", language.Cyrillic, "", []string{"tat"}, "", "tt", "tat", ""},
	{"uz", language.Cyrillic, "", []string{"uzn_cyrl"}, "", "", "uzb_cyrl", ""},
	{"ps", language.Arabic, "", []string{"pbu"}, "", "ps", "pus", ""},
	{"sd", language.Arabic, "", nil, "", "sd", "snd", ""},
	{"ug", language.Arabic, "", []string{"uig_arab"}, "", "ug", "uig", ""},
	{"yi", language.Hebrew, "", []string{"ydd"}, "", "", "yid", ""},
	{"hi", language.Devanagari, "", []string{"hin"}, "hi", "hi", "hin", ""},
	{"mr", language.Devanagari, "", []string{"mar"}, "mr", "mr", "mar", ""},
	{"ne", language.Devanagari, "", []string{"nep"}, "ne", "ne", "nep", ""},
	{"sa", language.Devanagari, "", []string{"san"}, "", "sa", "san", ""},
	{"bn", language.Bengali, "", []string{"ben"}, "bn", "bn", "ben", ""},
	{"as", language.Bengali, "", nil, "as", "as", "asm", ""},
	{"zh", language.Han, "", []string{"cmn_hans"}, "zh-rCN", "zh", "chi_sim", ""},
	{"zh-TW", language.Han, "", []string{"cmn_hant"}, "zh-rTW", "zh-Hant", "chi_tra", ""},
	{"ja", language.Han, "", []string{"jpn"}, "ja", "ja", "jpn", ""},
}
