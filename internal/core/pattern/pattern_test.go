package pattern

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

const (
	trail = `{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"ThisFlag":true}`
	user  = `{"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":"John.Doe@example.com"},{"id":3,"email":"Jane.Doe@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6],[7,8,9]],"n":-1.5e3,"b":false}`
	line  = `127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
)

// G is the guide, its current page or the archived one; I is inferred.
func TestMatch(t *testing.T) {
	for _, x := range []struct {
		pattern, event string
		want           bool
	}{
		// Terms.
		{``, "anything", true},
		{`  `, "anything", true},
		{`" "`, "two words", true},
		{`ERROR`, "[ERROR] A fatal exception has occurred", true}, // G
		{`ERROR`, "Exiting with ERRORCODE: -1", true},             // G
		{`ERROR`, "error", false},
		{`"ERROR" - "Exiting"`, "Exiting with ERRORCODE: -1", false}, // G
		{`"ERROR" - "Exiting"`, "ERROR", true},
		{`ERROR Exception`, "[ERROR] Caught IllegalArgumentException", true}, // G
		{`ERROR Exception`, "[ERROR] nothing", false},
		{`"Failed to process the request"`, "[ERROR] Unable to continue: Failed to process the request", true}, // G
		{`"Failed to process the request"`, "request Failed to process the", false},
		{`?ERROR ?WARN`, "ERROR message", true}, // G
		{`?ERROR ?WARN`, "WARN message", true},
		{`?ERROR ?WARN`, "INFO message", false},
		{`?ERROR ?WARN message`, "INFO message", true}, // G: beside others "?" is ignored
		{`?ERROR -x`, "INFO", true},
		{`ERROR WARN`, "ERROR WARN message", true}, // G
		{`ERROR -WARN`, "ERROR message", true},     // G
		{`ERROR -WARN`, "ERROR WARN message", false},
		{`-WARN`, "ERROR message", true},
		{`"say \"hi\" \\ \n"`, `say "hi" \ \n`, true},
		{`%AUTHORIZED%`, "[ERROR 401] UNAUTHORIZED REQUEST", true}, // G
		{`%^\[ERROR [45][0-9]{2}\]%`, "[ERROR 401] UNAUTHORIZED", true},
		{`%^\[ERROR [45][0-9]{2}\]%`, "x [ERROR 401] UNAUTHORIZED", false},
		{`?%a+b% ?c`, "aab", true},
		{`-%a+b% d`, "aab d", false},
		{`größe_1`, "die größe_1 ist", true},

		// JSON: the guide's examples.
		{`{ $.eventType = "UpdateTrail" }`, trail, true},
		{`{$.eventType=UpdateTrail}`, trail, true},
		{`{ $.eventType = "updateTrail" }`, trail, false},
		{`{ $.sourceIPAddress != 123.123.* }`, trail, true},
		{`{ $.sourceIPAddress != 111.111.* }`, trail, false},
		{`{ $.arrayKey[0] = "value" }`, trail, true},
		{`{ $.arrayKey[1] = "value" }`, trail, false},
		{`{ $.arrayKey[2] = "value" }`, trail, false},
		{`{ $.objectList[1].id = 2 }`, trail, true},
		{`{ $.SomeObject IS NULL }`, trail, true},
		{`{ $.eventType IS NULL }`, trail, false},
		{`{ $.none IS NULL }`, trail, false},
		{`{ $.SomeOtherObject NOT EXISTS }`, trail, true},
		{`{ $.SomeObject NOT EXISTS }`, trail, false},
		{`{ $.ThisFlag IS TRUE }`, trail, true},
		{`{ $.ThisFlag is false }`, trail, false},
		{`{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }`, user, true},
		{`{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }`, user, false},
		{`{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }`, user, true},
		{`{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }`, user, false},
		{`{ $.users = 1 }`, user, false},
		{`{ $.users != 1 }`, user, false},
		{`{ $.user != 1 }`, user, false},
		{`{ $.objectList[*].id = 2 }`, trail, true},
		{`{ $.objectList[*].id = 3 }`, trail, false},
		{`{ $.objectList[*].id != 1 }`, trail, true}, // I: of one of them
		{`{ $.eventType = *Trail }`, trail, true},
		{`{ $.eventType = "Update*" }`, trail, true},
		{`{ $.eventType = *date* }`, trail, true},
		{`{ $.eventType = Up*Trail }`, trail, false}, // G: a star within is itself
		{`{ $.a = Up*Trail }`, `{"a":"Up*Trail"}`, true},
		{`{ $.eventType = * }`, trail, true},
		{`{ $.none = * }`, trail, false},
		{`{ $.none != x }`, trail, false},       // I
		{`{ $.SomeObject != x }`, trail, false}, // I
		{`{ $.SomeObject = * }`, trail, false},  // I
		{`{ $.ThisFlag = * }`, trail, true},     // I
		{`{ $.eventType = %^Up[a-z]+T% }`, trail, true},
		{`{ $.eventType != %^Up[a-z]+T% }`, trail, false},
		{`{ $.n < -1499 }`, user, true},
		{`{ $.n = -1500 }`, user, true},
		{`{ $.n >= -1.5e+3 }`, user, true},
		{`{ $.n > -1.5e3 }`, user, false},
		{`{ $.n != 7 }`, user, true},
		{`{ $.n <= +10e-3 }`, user, true},
		{`{ $.n = "-1.5e3" }`, user, true}, // I: the number as it is written
		{`{ $.user.email > 5 }`, user, false},
		{`{ $.a = 2 }`, `{"a":"2"}`, true}, // I
		{`{ $.a = "x" }`, `{"a":"\u0078"}`, true},
		{`{ $.b IS FALSE }`, user, true},
		{`{ $.user-id = 1 && $.x_y = 2 }`, `{"user-id":1,"x_y":2}`, true},
		{`{ $.a = 1 }`, `no JSON`, false},
		{`{ $.a NOT EXISTS }`, `no JSON`, false},
		{`{ $.a = 1 }`, `{"a":1} trailing`, false},
		{`{ $.a = 1 }`, `[{"a":1}]`, false},
		{`{ $.a = "x y" || $.b = 1 }`, `{"b":1}`, true},
		{`{($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*")}`, `{"errorCode":"AccessDeniedException"}`, true},

		// Space-delimited.
		{`[ip, user, username, timestamp, request, status_code, bytes]`, line, true},
		{`[ip, user, username, timestamp, request, status_code]`, line, false},
		{`[ip, user, username, timestamp, request, status_code, bytes, more]`, line, false},
		{`[..., status_code, bytes]`, line, true},
		{`[ip, user, ...]`, line, true},
		{`[ip, user, ..., status_code=404, bytes]`, line, true},
		{`[ip, user, username, timestamp, request, status_code = 4*, bytes > 1000]`, line, true},
		{`[ip, user, username, timestamp, request = *html*, status_code = 5*, bytes]`, line, false},
		{`[ip, user, username, timestamp, request, status_code = 4* && status_code != 404, bytes]`, line, false},
		{`[ip, user, username, timestamp, request, status_code = 4* && status_code != 403, bytes <= 1534.0]`, line, true},
		{`[ip=%127\.0\.0\.[1-9]%, ...]`, line, true},
		{`[w1=ERROR, w2]`, "ERROR message", true}, // G
		{`[w1=ERROR || w1=WARN, w2]`, "WARN message", true},
		{`[w1=ERROR || w1=WARN, w2]`, "INFO message", false},
		{`[w1=!ERROR&&w1=!WARN, w2]`, "INFO message", true},
		{`[w1=!ERROR&&w1=!WARN, w2]`, "WARN message", false},
		{`[a="two words", b]`, `"two words" x`, true},
		{`[a > 5]`, "x", false},
		{`[a]`, `[unclosed`, true},
		{`[...]`, ``, true},
	} {
		t.Run(x.pattern, func(t *testing.T) {
			p, err := Compile(x.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if p.Match(x.event) != x.want {
				t.Errorf("of %s: %v", x.event, !x.want)
			}
			if _, ok := p.Extract(x.event); ok != x.want {
				t.Errorf("extracted of %s: %v", x.event, ok)
			}
		})
	}
}

// Source: the guide's example of extracted fields.
func TestExtract(t *testing.T) {
	p, err := Compile(`[..., request=*.html*, status_code=4*,]`)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := p.Extract(line)
	want := map[string]string{"$status_code": "404", "$request": "GET /index.html HTTP/1.0", "$7": "1534", "$4": "10/Oct/2000:13:25:15 -0700", "$3": "frank", "$2": "-", "$1": "127.0.0.1"}
	if !ok || !maps.Equal(got, want) {
		t.Errorf("%v %v", got, ok)
	}
}

func TestRefusals(t *testing.T) {
	for _, x := range []struct{ pattern, because string }{
		{`foo-bar`, "Invalid character(s) in term 'foo-bar'"},
		{`/var/log`, "Invalid character(s) in term"},
		{`-`, "Invalid character(s) in term ''"},
		{`"open`, "not closed"},
		{`%open`, "no % at its end"},
		{`%a(b)%`, "may not hold '('"},
		{`%a!%`, "may not hold '!'"},
		{`%é%`, "may not hold"},
		{`%[%`, "no regular expression"},
		{`%%`, "no regular expression"},
		{`%a% %b% %c%`, "at most 2"},
		{`{ $.a = 1`, "ends in }"},
		{`{ $.a = 1 } x`, "nothing may follow"},
		{`{ a = 1 }`, "begins with $."},
		{`{ $[0] = 1 }`, "begins with $."},
		{`{ $.a }`, "operator"},
		{`{ $.a EXISTS }`, "operator"},
		{`{ $.a IS 5 }`, "operator"},
		{`{ $.a = }`, "nothing is said"},
		{`{ $.a > x }`, "is none"},
		{`{ $.a < "5" }`, "is none"},
		{`{ $.a > %5% }`, "regular expression"},
		{`{ $.a[x] = 1 }`, "no place in an array"},
		{`{ $.a[-1] = 1 }`, "no place in an array"},
		{`{ $.a[*].b[*] = 1 }`, "at most one"},
		{`{ $.a[*] = 1 && $.b[*] = 1 && $.c[*] = 1 && $.d[*] = 1 }`, "at most 3"},
		{`{ ($.a = 1 }`, ") is missing"},
		{`{ $.a = 1 && }`, "begins with $."},
		{`{ $..a = 1 }`, "name of a property"},
		{`{` + strings.Repeat("(", 60) + `$.a = 1`, "too deeply"},
		{`[a, b`, "end in ]"},
		{`[..., a, ...]`, "one ellipsis"},
		{`[=5]`, "has a name"},
		{`[a = 1 && b = 2]`, "about itself"},
		{`[a = 1 &&]`, "about itself"},
		{`[a = ]`, "nothing is said"},
		{`[a b]`, "parted by commas"},
		{`[a] b`, "nothing may follow"},
	} {
		if _, err := Compile(x.pattern); err == nil || !strings.Contains(err.Error(), x.because) {
			t.Errorf("%s: %v", x.pattern, err)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{`ERROR -x ?y "z"`, `{ ($.a.b[0] = "x*" || $.c IS NULL) && $.d[*] > 5 }`, `[a, ..., b=5* || b!=%x%]`} {
		f.Add(s, trail)
		f.Add(s, line)
	}
	f.Fuzz(func(t *testing.T, text, event string) {
		if p, err := Compile(text); err == nil {
			if _, ok := p.Extract(event); ok != p.Match(event) {
				t.Error("Extract and Match disagree")
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, text := range []string{`frank -POST`, `[ip, user, ..., status_code=4*, bytes]`, `{ $.eventType = "UpdateTrail" && $.objectList[1].id > 1 }`, `{ $.eventType = "DeleteTrail" }`} {
		p, err := Compile(text)
		if err != nil {
			b.Fatal(err)
		}
		event := line
		if text[0] == '{' {
			event = trail
		}
		b.Run(fmt.Sprint(text), func(b *testing.B) {
			for b.Loop() {
				p.Match(event)
			}
		})
	}
}
