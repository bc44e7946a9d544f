package comprehend

import (
	"slices"
)

// english is what the built-in engines of words and sentences speak.
var english = []string{"en"}

// speaks refuses a language that no engine serves. That it is one of AWS's codes, the model's constraints say.
func speaks(languages []string, code *string) error {
	if languages == nil || slices.Contains(languages, "*") || slices.Contains(languages, deref(code)) {
		return nil
	}
	return refuse("UnsupportedLanguageException", "It is %s. The engine that serves this operation here speaks %s.", deref(code), list(languages))
}

// spoken are the languages of who does a kind of analysis: built, unless another program does it. A kind that asks for none has none.
func spoken(e Engines, kind string, built []string) []string {
	if built == nil || e == nil {
		return built
	}
	if l := e.Languages(kind); l != nil {
		return l
	}
	return built
}
