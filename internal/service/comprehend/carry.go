package comprehend

import (
	"reflect"
	"strings"
)

// carry copies what is set from one shape to another by the names of the members, which are the same in all operations of AWS's. A member
// of another type is copied member by member (OutputDataConfig is a PiiOutputDataConfig once); what has no place stays away.
func carry(dst, src any) { carryValue(reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()) }

func carryValue(d, s reflect.Value) {
	for i := range d.NumField() {
		to, from := d.Field(i), s.FieldByName(d.Type().Field(i).Name)
		if from.IsValid() && from.Kind() == reflect.Interface {
			from = from.Elem()
		}
		switch {
		case !from.IsValid() || from.IsZero():
		case from.Type().AssignableTo(to.Type()):
			to.Set(from)
		case from.Kind() == reflect.Pointer && from.Type().Elem().Kind() == reflect.Struct && to.Kind() == reflect.Pointer:
			n := reflect.New(to.Type().Elem())
			carryValue(n.Elem(), from.Elem())
			to.Set(n)
		}
	}
}

// member is a member of a shape, by its name.
func member(shape any, name string) reflect.Value {
	return reflect.ValueOf(shape).Elem().FieldByName(name)
}

// said is a member that is text.
func said(shape any, name string) *string { return member(shape, name).Interface().(*string) }

// list writes words as a sentence has them.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
