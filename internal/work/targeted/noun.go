package targeted

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"strings"
)

// nounsGz is written by tools/sentimentgen -nouns: lines "TYPE tenths word word ...".
//
//go:embed nouns.gz
var nounsGz []byte

// noun is the type of a common noun, and how much of its senses have it.
type noun struct {
	kind  string
	share float64
}

// own are nouns whose type in reviews is not that of WordNet's first sense, and types that WordNet has not.
const own = `FACILITY hotel restaurant cafe café bar pub spa gym museum airport hospital clinic shop store station theater theatre cinema pool kitchen bathroom room lobby hall office
 park stadium arena mall market bakery library school hostel motel apartment building terrace balcony garage workshop salon bank supermarket pharmacy zoo church
SOFTWARE app application software program website site browser plugin firmware update
FACILITY lift elevator stairs balcony corridor queue playground campsite
MOVIE movie film sequel documentary thriller comedy
MUSIC song album soundtrack track tune
BOOK book novel memoir cookbook textbook
GAME game puzzle
BRAND brand
EVENT concert wedding party festival meeting tour trip show class course lecture flight visit stay session appointment match
ATTRIBUTE service price quality value performance design screen display battery sound taste flavor flavour smell speed size weight color colour temperature location atmosphere ambience decor view
 delivery shipping support customer-service acting plot story script ending dialogue cast direction pacing humor humour style fit comfort selection menu portion cleanliness interface camera keyboard speaker
 trackpad touchpad touchscreen button zipper zip hinge lid handle strap buckle seam sole soles lining fabric collar sleeve sleeves pocket cable engine gearbox clutch brakes tyre tyres tire suspension
 steering ink cartridge manual instructions documentation tutorial search login sync lyrics vocals chorus rhythm chapter prose characters plotline graphics controls gameplay slides exercises homework
 paint finish coating filter motor remote microphone mic lens flash bass treble volume contrast brightness keypad backlight wheels pillow pillows sheets towel towels shower minibar crust sauce filling topping
 warranty packaging instruction feature texture noise parking breakfast bed staff-service resolution lighting reception ad wifi internet connection storage memory processor fee cost
PERSON staff team crew waiter waitress server cook chef owner manager receptionist driver guide doctor nurse teacher guy people everyone somebody customer cast-member seller host hostess
 mechanic plumber electrician painter landlord neighbour neighbor colleague assistant dentist vet lawyer cleaner courier trainer instructor lecturer boss
ORGANIZATION company firm airline agency dealer provider
COMMERCIAL_ITEM food meal dish phone laptop computer product item burger pizza coffee soup steak dessert car tablet watch charger headphone headphones earbuds shoe shoes boots jacket dress mattress vacuum
 printer device gadget sofa couch vase lamp blender toaster kettle stroller guitar piano bike bicycle knife pan tent backpack suitcase glasses lunch dinner salad pasta sandwich cake dessert wine beer
OTHER dog cat animal puppy garden report contract`

// idle are nouns that name nothing that could be liked.
const idle = ` thing things lot lots bit way ways kind sort type one ones time times day days week month year today tomorrow yesterday moment end start rest part half side fact point matter case idea
 something anything nothing everything couple few number amount minute minutes hour hours second while back front top bottom reason example question problem problems life world everything none star stars word words
 level place stuff name sense deal hand eye head face money purchase order `

func readNouns() (map[string]noun, error) {
	z, err := gzip.NewReader(bytes.NewReader(nounsGz))
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	out := map[string]noun{}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		tenths := 0.0
		for _, r := range f[1] {
			tenths = 10*tenths + float64(r-'0')
		}
		for _, w := range f[2:] {
			out[w] = noun{f[0], tenths / 10}
		}
	}
	kind := ""
	for w := range strings.FieldsSeq(own) {
		if w == strings.ToUpper(w) {
			kind = w
			continue
		}
		share := .9 // a word of our list: chosen for reviews, other uses exist
		out[w] = noun{kind, share}
	}
	for w := range strings.FieldsSeq(idle) {
		delete(out, w)
	}
	return out, nil
}

// lemma is the singular of a noun, if the table has it.
func (e *Engine) lemma(w string) (string, noun, bool) {
	w = strings.ToLower(w)
	if strings.Contains(idle, " "+w+" ") {
		return w, noun{}, false
	}
	if n, ok := e.nouns[w]; ok {
		return w, n, true
	}
	for _, s := range []struct{ tail, with string }{{"ies", "y"}, {"ves", "fe"}, {"es", ""}, {"s", ""}} {
		if stem, ok := strings.CutSuffix(w, s.tail); ok {
			k := stem + s.with
			if strings.Contains(idle, " "+k+" ") {
				return k, noun{}, false
			}
			if n, ok := e.nouns[k]; ok {
				return k, n, true
			}
		}
	}
	return w, noun{}, false
}
