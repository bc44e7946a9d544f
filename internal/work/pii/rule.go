package pii

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// The types (Developer Guide, "Detecting PII entities").
const (
	address, age, accessKey, secretKey = "ADDRESS", "AGE", "AWS_ACCESS_KEY", "AWS_SECRET_KEY"
	cvv, expiry, card                  = "CREDIT_DEBIT_CVV", "CREDIT_DEBIT_EXPIRY", "CREDIT_DEBIT_NUMBER"
	date, driver, email, ibanNumber    = "DATE_TIME", "DRIVER_ID", "EMAIL", "INTERNATIONAL_BANK_ACCOUNT_NUMBER"
	ip, plate, mac, name               = "IP_ADDRESS", "LICENSE_PLATE", "MAC_ADDRESS", "NAME"
	password, phone, pin, swift        = "PASSWORD", "PHONE", "PIN", "SWIFT_CODE"
	url, username, vehicle             = "URL", "USERNAME", "VEHICLE_IDENTIFICATION_NUMBER"
	caHealth, sin, aadhaar, nrega      = "CA_HEALTH_NUMBER", "CA_SOCIAL_INSURANCE_NUMBER", "IN_AADHAAR", "IN_NREGA"
	pan, voter, nhsNumber, nino        = "IN_PERMANENT_ACCOUNT_NUMBER", "IN_VOTER_NUMBER", "UK_NATIONAL_HEALTH_SERVICE_NUMBER", "UK_NATIONAL_INSURANCE_NUMBER"
	utr, account, routing, passport    = "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "BANK_ACCOUNT_NUMBER", "BANK_ROUTING", "PASSPORT_NUMBER"
	itinNumber, ssnNumber              = "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "SSN"
	nothing                            = ""
)

// Types are the kinds that are found.
var Types = []string{address, age, accessKey, secretKey, cvv, expiry, card, date, driver, email, ibanNumber, ip, plate, mac, name, password, phone, pin, swift, url, username, vehicle,
	caHealth, sin, aadhaar, nrega, pan, voter, nhsNumber, nino, utr, account, routing, passport, itinNumber, ssnNumber}

// list makes labels of one kind; phrases are separated by bars.
func list(kind string, far int, caps bool, phrases string) (out []label) {
	for _, p := range strings.Split(phrases, "|") {
		out = append(out, label{kind, strings.ToLower(p), caps, far})
	}
	return out
}

// labels are all phrases that say what the next number is.
var labels = slices.Concat(
	list(card, 45, false, "card|credit card|debit card|card number|card no|visa|mastercard|amex|american express|discover|cc|credit card account|card on file|card account"),
	list(cvv, 30, false, "cvv|cvv2|cvc|cvc2|security code|three digit code|three-digit code|four digit code|four-digit code|card verification|verification value|cid"),
	list(expiry, 25, false, "exp|expires|expiry|expiration|expiration date|expiry date|expiring|valid thru|valid through|valid until|good thru|good through|runs until"),
	list(ssnNumber, 40, false, "ssn|ssns|social security|social security number|social security no|my social|his social|her social|ss#|social"),
	list(itinNumber, 40, false, "itin|individual taxpayer|individual taxpayer identification number|taxpayer identification number|taxpayer id"),
	list(routing, 40, false, "routing|routing number|routing no|transit number|aba|rtn|aba number"),
	list(account, 40, false, "account|account number|account no|acct|acct no|account #|a/c|bank account|checking account|savings account|savings|checking|direct deposit account"),
	list(swift, 30, true, "SWIFT|BIC|SWIFT/BIC"), list(swift, 30, false, "swift code|bic code|bank identifier code|swift|bic"),
	list(phone, 35, false, "phone|telephone|tel|cell|cellphone|mobile|call|calling|dial|fax|pager|text|sms|whatsapp|contact number|phone number|mobile number|hotline|ring|caller|reach me|reach us|helpline|toll free"),
	list(pin, 20, false, "pin|pin code|pin number|pin no|pin is|passcode|pass code"),
	list(driver, 35, false, "driver's license|drivers license|driver license|driver’s license|driving license|driver's licence|drivers licence|driver licence|driver’s licence|driving licence|dl#|dl|dl number|driver id|driver's license number|driver license number|license number|licence number|licence no|license no"),
	list(plate, 25, false, "license plate|licence plate|number plate|plate|plate number|registration|registration number|registration no|reg|reg no|reg number|tag number|vehicle registration|plates"),
	list(vehicle, 35, false, "vin|vehicle identification number|vehicle identification|chassis|chassis number"),
	list(passport, 30, false, "passport|passport number|passport no|passport #"),
	list(sin, 30, true, "SIN"), list(sin, 30, false, "social insurance|social insurance number|sin number|canadian sin"),
	list(caHealth, 35, false, "health card|health card number|health number|health insurance number|ohip|phn|personal health number|health service number|medicare card"),
	list(aadhaar, 35, false, "aadhaar|aadhar|aadhaar number|uidai"), list(aadhaar, 25, true, "UID"),
	list(voter, 30, false, "voter|voter id|voter card|voter number|electoral|epic number|elector"), list(voter, 25, true, "EPIC"),
	list(nrega, 35, false, "nrega|mgnrega|job card|nrega number|mgnrega number|nrega job card"),
	list(pan, 25, true, "PAN"), list(pan, 30, false, "permanent account number|pan card|pan number"),
	list(nhsNumber, 30, false, "nhs|nhs number|nhs no|national health service|national health service number"),
	list(nino, 30, false, "national insurance|national insurance number|nino|ni number"),
	list(utr, 35, false, "utr|unique taxpayer reference|unique taxpayer reference number|taxpayer reference|tax reference"),
	list(ibanNumber, 30, false, "iban"),
	list(nothing, 30, false, "order|order number|order no|invoice|invoice number|tracking|tracking number|serial|serial number|serial no|part|part number|model|model number|version|release|build|section|chapter|isbn|upc|ean|sku|barcode|batch|lot|"+
		"item|ticket|case|case number|reference|ref|confirmation|confirmation code|code|customer number|customer id|policy number|claim|patent|rfc|doi|event id|error|meeting id|zoom|quantity|work order|guid|uuid|commit|"+
		"hash|sha-1|sha1|md5|token|key|transaction id|transaction|room|flight|gate|bus|port|page|figure|table|clause|article|asset tag|product|bay|dimensions|type|router|cas number|ndc|ratio|scale|score|odds|population|extension|unit|bin|"+
		"chapter and verse|firmware|kernel|windows|software|latitude|longitude|id number|membership|member number|student id|employee id|badge|shipment|po number|purchase order|tail number|catalog|stock"),
)

// byLast finds the labels that end in a byte.
var byLast = func() (out [256][]int) {
	for i := range labels {
		p := labels[i].phrase
		out[p[len(p)-1]] = append(out[p[len(p)-1]], i)
	}
	return out
}()

// rule is a shape of personal data that begins with a word. free gives its score where no label stands before, 0 for none; said its score
// where its own label does.
type rule struct {
	kind string
	re   *regexp.Regexp
	free func(s string) float64
	said func(s string) float64
}

func shape(re string) *regexp.Regexp { return regexp.MustCompile("^(?:" + re + ")") }

func always(x float64) func(string) float64 { return func(string) float64 { return x } }

// checked scores high what passes a check and low what does not.
func checked(good, bad float64, check func(digits string) bool) func(string) float64 {
	return func(s string) float64 {
		if check(digits(s)) {
			return good
		}
		return bad
	}
}

func length(lo, hi int, x float64) func(string) float64 {
	return func(s string) float64 {
		if n := len(digits(s)); n < lo || n > hi {
			return 0
		}
		return x
	}
}

func hasDigits(s string, n int) bool { return len(digits(s)) >= n }

func hasUpper(s string, n int) bool {
	for i := range len(s) {
		if upper(s[i]) {
			n--
		}
	}
	return n <= 0
}

func mixed(letters, numbers int, x float64) func(string) float64 {
	return func(s string) float64 {
		if !hasUpper(s, letters) || !hasDigits(s, numbers) {
			return 0
		}
		return x
	}
}

const masks = `[Xx*#•]`

// rules are tried at each word with a digit or a mask.
var rules = []rule{
	{ibanNumber, shape(`[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?`), ibanScore(.995, 0), ibanScore(.999, .6)},
	{card, shape(`\d{4}([ -]?)\d{4}[ -]?\d{4}[ -]?\d{1,7}|\d{4}[ -]?\d{6}[ -]?\d{4,5}|\d{13,19}`), checked(.97, 0, func(s string) bool { return issuer(s) && luhn(s) }), cardSaid},
	{card, shape(`(?:(?:\d{4}|` + masks + `{4})[ -]?){3}(?:\d{4}|` + masks + `{4})`), masked, masked},
	{card, shape(masks + `{8,12}\d{4}`), always(0), always(.97)},
	{ssnNumber, shape(`\d{3}-\d{2}-\d{4}`), checked(.95, 0, ssn), checked(.999, .55, ssn)},
	{ssnNumber, shape(`\d{3} \d{2} \d{4}|\d{9}`), always(0), checked(.99, .5, ssn)},
	{ssnNumber, shape(masks + `{3}-?` + masks + `{2}-?\d{4}`), always(.95), always(.99)},
	{itinNumber, shape(`9\d{2}-\d{2}-\d{4}`), checked(.9, 0, itin), checked(.999, .6, itin)},
	{itinNumber, shape(`9\d{2}[ -]?\d{2}[ -]?\d{4}`), always(0), checked(.99, .5, itin)},
	{routing, shape(`\d{9}|\d{4}-?\d{4}-?\d`), always(0), checked(.99, .6, aba)},
	{routing, shape(`[Xx*#•]{3,8}\d{2,5}`), always(0), always(.96)},
	{account, shape(`\d{6,17}|\d{2,6}(?:[ -]\d{2,6}){1,4}`), always(0), length(6, 17, .9)},
	{account, shape(masks + `{2,14}\d{3,5}`), always(0), always(.96)},
	{phone, shape(`\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,5}(?:[ .-]?\d{1,5}){1,6}`), length(8, 15, .97), length(8, 15, .99)},
	{phone, shape(`(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?: ?(?:x|ext\.?|extension) ?\d{1,5})?`), always(.93), always(.985)},
	{phone, shape(`1[ .-](?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])\d{3}[ .-]\d{4}`), always(.93), always(.985)},
	{phone, shape(`\(0\d{1,4}\) ?\d{3,4} ?\d{3,4}|0\d{2} \d{4} \d{4}|0\d{4} \d{6}|0\d{3} \d{3} \d{4}|0\d{4} \d{3} \d{3}`), always(.9), always(.98)},
	{phone, shape(`\(?\d{2,5}\)?(?:[ .-]?\d{2,5}){1,5}`), always(0), length(7, 15, .88)},
	{nhsNumber, shape(`\d{3}[ -]?\d{3}[ -]?\d{4}(?: \d{3} \d{4})?`), always(0), checked(.995, .7, nhs)},
	{nino, shape(`[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]([ -]?)\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D]`), ninoScore, ninoScore},
	{utr, shape(`\d{5} ?\d{5}K?`), always(0), always(.97)},
	{aadhaar, shape(`[2-9]\d{3} \d{4} \d{4}|[2-9]\d{3}-\d{4}-\d{4}`), checked(.93, 0, verhoeff), checked(.999, .7, verhoeff)},
	{aadhaar, shape(`[2-9]\d{11}`), always(0), checked(.99, .65, verhoeff)},
	{pan, shape(`[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]`), always(.94), always(.999)},
	{voter, shape(`[A-Z]{3}/?\d{7}`), always(0), always(.98)},
	{nrega, shape(`[A-Z]{2}-\d{2}-\d{3}-\d{3}-\d{3}/\d{1,7}`), always(.95), always(.999)},
	{nrega, shape(`[A-Z]{2}\d{14}`), always(.6), always(.97)},
	{caHealth, shape(`\d{4}[ -]?\d{3}[ -]?\d{3}(?:[ -][A-Z]{2})?|[A-Z]{4} ?\d{4} ?\d{4}`), always(0), always(.96)},
	{sin, shape(`\d{3}[ -]?\d{3}[ -]?\d{3}`), always(0), checked(.99, .65, luhn)},
	{passport, shape(`[A-Z]{0,2}\d{6,9}`), always(0), always(.96)},
	{driver, shape(`[A-Z0-9]{1,18}(?:[ -][A-Z0-9]*\d[A-Z0-9]*){0,4}`), always(0), func(s string) float64 {
		if !hasDigits(s, 3) || len(s) < 5 || len(s) > 22 {
			return 0
		}
		return .93
	}},
	{plate, shape(`[A-Z]{2}[ -]?\d{2}[ -]?[A-Z]{1,3}[ -]?\d{4}|[A-Z0-9]{1,4}[ -][A-Z0-9]{2,5}|[A-Z0-9]{5,8}`), always(0), mixed(1, 1, .9)},
	{vehicle, shape(`[A-HJ-NPR-Z0-9]{17}`), func(s string) float64 {
		if !vin(s) || !hasUpper(s, 3) || !hasDigits(s, 4) {
			return 0
		}
		return .975
	}, mixed(1, 1, .97)},
	{swift, shape(`[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?`), always(0), func(s string) float64 {
		if _, ok := ibanLength[s[4:6]]; !ok && !strings.Contains(others, s[4:6]) {
			return 0
		}
		return .97
	}},
	{accessKey, shape(`(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}`), always(.999), always(.999)},
	{cvv, shape(`\d{3,4}`), always(0), always(.97)},
	{pin, shape(`\d{4,6}`), always(0), always(.95)},
	{expiry, shape(`(?:0[1-9]|1[0-2]) ?[/-] ?(?:20)?[2-4]\d`), always(0), always(.93)},
	{mac, shape(`(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}`), always(.985), always(.985)},
}

// others are countries of banks that have no IBAN.
const others = "US CA AU NZ JP CN HK SG IN KR TW TH MY ID PH VN ZA MX AR CL CO PE NG KE GH MA RU"

func compact(s string) string { return strings.NewReplacer(" ", "", "-", "").Replace(s) }

func ibanScore(good, bad float64) func(string) float64 {
	return func(s string) float64 {
		if iban(compact(s)) {
			return good
		}
		return bad
	}
}

// cardSaid scores a number that is called a card's: AWS's own example (1111-0000-1111-0000) does not satisfy the check.
func cardSaid(s string) float64 {
	d := digits(s)
	switch {
	case len(d) < 13 || len(d) > 19:
		return 0
	case luhn(d):
		return .995
	}
	return .7
}

// masked scores what shows a part of a card alone.
func masked(s string) float64 {
	if n := len(digits(s)); n < 4 || n > 12 {
		return 0
	}
	return .96
}

func ninoScore(s string) float64 {
	switch compact(s)[:2] {
	case "BG", "GB", "NK", "KN", "TN", "NT", "ZZ":
		return 0
	}
	return .96
}

// ipScore takes addresses as netip does; fewer than three parts are none.
func ipScore(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && (a.Is4() || strings.Count(s, ":") >= 2 && len(s) > 4)
}
