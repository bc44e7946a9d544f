package comprehend

import (
	"slices"
)

// english is what the built-in engines of words and sentences speak.
var english = []string{"en"}

// speaks refuses a language that no engine serves. That it is one of AWS's codes, the model's constraints say.
func speaks(languages []string, code *string) error {
	if languages == nil || slices.Contains(languages, deref(code)) {
		return nil
	}
	return refuse("UnsupportedLanguageException", "It is %s. The engine that serves this operation here speaks %s.", deref(code), list(languages))
}
