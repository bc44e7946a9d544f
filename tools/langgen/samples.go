package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sampled are the texts of CLD2's test that are in a language and a script that the engine knows. Left out: what is a list of the language's name, what
// was cut for its closeness to another language, and a Bashkir text in the code of an old font.
var sampled = strings.Fields(`af_Latn am_Ethi ar_Arab as_Beng az_Latn be_Cyrl bg_Cyrl bn_Beng bs_Latn ca_Latn ceb_Latn ceb_Latn2 cs_Latn cy_Latn da_Latn
	de_Latn el_Grek en_Latn eo_Latn es_Latn et_Latn eu_Latn fa_Arab fi_Latn fr_Latn ga_Latn gd_Latn gl_Latn gu_Gujr ha_Latn hi_Deva hr_Latn ht_Latn hu_Latn
	hy_Armn id_Latn is_Latn it_Latn iw_Hebr ja_Hani jw_Latn ka_Geor kk_Cyrl km_Khmr kn_Knda ko_Hani ku_Arab ku_Latn ky_Cyrl la_Latn lb_Latn lo_Laoo lt_Latn
	lv_Latn mg_Latn mk_Cyrl ml_Mlym mn_Cyrl mr_Deva ms_Latn ms_Latn2 mt_Latn my_Mymr ne_Deva nl_Latn nn_Latn no_Latn om_Latn or_Orya pa_Guru pl_Latn ps_Arab
	pt_Latn qu_Latn ro_Latn ru_Cyrl sa_Deva sd_Arab si_Sinh sk_Latn sl_Latn so_Latn sq_Latn sr_Cyrl su_Latn sv_Latn sw_Latn ta_Taml te_Telu tg_Cyrl th_Thai
	tk_Latn tl_Latn tr_Latn tt_Cyrl ug_Arab uk_Cyrl ur_Arab uz_Cyrl uz_Latn vi_Latn yi_Hebr yo_Latn`)

// renamed are the codes that CLD2 has of old.
var renamed = map[string]string{"iw": "he", "jw": "jv", "nn": "no"}

var sampleText = regexp.MustCompile(`(?m)^const char\* kTeststr_(\w+) = +"(.*)";`)

// writeSamples writes the texts of CLD2's test by eight words a line to CODE.txt, for TestQuality. They are read as they are: bits of web pages.
func writeSamples(header, dir string) error {
	raw, err := os.ReadFile(header)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	raw, _, _ = bytes.Cut(raw, []byte("\n#else")) // then the same again in ASCII
	lines := map[string]string{}
	for _, m := range sampleText.FindAllSubmatch(raw, -1) {
		if !slices.Contains(sampled, string(m[1])) {
			continue
		}
		code, _, _ := strings.Cut(string(m[1]), "_")
		if now := renamed[code]; now != "" {
			code = now
		}
		words := strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(string(m[2]), `\"`, `"`), ""))
		for len(words) >= 6 {
			n := 8
			if len(words)-n < 6 {
				n = len(words)
			}
			lines[code] += strings.Join(words[:n], " ") + "\n"
			words = words[n:]
		}
	}
	for code, text := range lines {
		if err := os.WriteFile(filepath.Join(dir, code+".txt"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
