package whole_test

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	"cloister/internal/core/identity"
	"cloister/internal/daemon"
	"cloister/internal/driver/sqlite"
	"cloister/internal/front/wire"
	"cloister/internal/shape/model"
	"cloister/internal/store"
	"cloister/internal/world"
)

// asksLater are the rows whose handler asks, for what it asks about stands in the input, item by item.
var asksLater = map[string]string{
	"s3.DeleteObjects": "each key of the body is a resource, and a refusal of one is an entry of the answer",
}

// TestRowsAsk: a row asks before it acts, whatever the input holds. It may refuse the input instead (an unknown bucket), but
// it may neither panic nor let a call through unasked.
func TestRowsAsk(t *testing.T) {
	ctx := t.Context()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "ledger.db"), world.Real{}.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reg := wire.Open()
	w := world.Real{}
	asked := 0
	for _, r := range daemon.Rows() {
		name := r.Service + "." + r.Name
		for _, in := range []struct {
			kind string
			v    any
		}{{"empty", reg.Service(r.Service).Operation(r.Name).New()}, {"full", full(reg.Service(r.Service).Operation(r.Name).New())}} {
			t.Run(name+"/"+in.kind, func(t *testing.T) {
				if r.Free {
					if r.Questions != nil {
						t.Error("it is free, and has questions")
					}
					return
				}
				c := &api.Call{RequestID: "r", Time: w.Now(), Partition: "aws", Account: "123456789012", Region: "us-east-1", Service: r.Service, Name: r.Name, Dice: w,
					Origin: &api.Origin{Door: api.Public, Peer: netip.MustParseAddrPort("127.0.0.1:1")}, Host: "localhost",
					Caller: &identity.Principal{Kind: identity.Root, Partition: "aws", Account: "123456789012", ARN: "arn:aws:iam::123456789012:root", ID: "123456789012"}}
				var qs []api.Question
				err := db.View(ctx, func(v store.View) (err error) { qs, err = r.Questions(c, v, in.v); return err })
				var f *fault.Fault
				switch {
				case errors.As(err, &f) && f.Kind != fault.Internal:
					return
				case err != nil:
					t.Fatal(err)
				case asksLater[name] != "":
					if qs == nil || len(qs) > 0 {
						t.Errorf("it is listed as asking later, and asks %v now", qs)
					}
					return
				case len(qs) == 0:
					t.Fatal("it asks nothing")
				}
				asked++
				for _, q := range qs {
					if !regexp.MustCompile(`^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$`).MatchString(q.Action) {
						t.Errorf("action %q", q.Action)
					}
					for k, v := range q.Keys {
						if len(v) == 0 {
							t.Errorf("the key %s is an empty list: it must be absent", k)
						}
					}
				}
			})
		}
	}
	if asked < 150 {
		t.Errorf("only %d rows asked: faults hide the others", asked)
	}
}

// TestEveryOperationAsks: each operation of each model has a row, so each is authorised before anything else is said of it.
func TestEveryOperationAsks(t *testing.T) {
	have := map[string]bool{}
	for _, r := range daemon.Rows() {
		have[r.Service+"."+r.Name] = true
	}
	n := 0
	for _, s := range []string{"bedrock", "bedrockruntime", "cloister", "cloudformation", "cloudtrail", "comprehend", "ec2", "iam", "kms", "logs", "s3", "s3control", "sagemaker", "sts", "tagging"} {
		m, err := model.Load(s)
		if err != nil {
			t.Fatal(err)
		}
		for name := range m.Operations {
			n++
			if !have[s+"."+name] {
				t.Errorf("%s.%s has no row: it asks no questions", s, name)
			}
		}
	}
	if n < 650 {
		t.Errorf("only %d operations in the models", n)
	}
}

// full sets every member of an input, lists and maps with one element, three levels of recursion at most.
func full(in any) any {
	fillValue(reflect.ValueOf(in).Elem(), map[reflect.Type]int{})
	return in
}

func fillValue(v reflect.Value, open map[reflect.Type]int) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(1e9, 0).UTC()
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if open[v.Type()] > 0 {
			return
		}
		open[v.Type()]++
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), open)
		open[v.Type()]--
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fillValue(v.Field(i), open)
			}
		}
	case reflect.Slice:
		if open[v.Type()] > 2 {
			return
		}
		open[v.Type()]++
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillValue(v.Index(0), open)
		open[v.Type()]--
	case reflect.Map:
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fillValue(k, open)
		fillValue(e, open)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(k, e)
	case reflect.String:
		v.SetString("x")
	case reflect.Int64, reflect.Int32, reflect.Int:
		v.SetInt(7)
	case reflect.Float64, reflect.Float32:
		v.SetFloat(1.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint('x')
	}
}

// unmet are members that promise what nothing keeps yet: encryption by a key, access lists, other models.
var unmet = regexp.MustCompile(`(?i)(^|\.)(\w*KmsKeyId|ServerSideEncryption|SSE\w+|BucketKeyEnabled|ACL|Grant(FullControl|Read|ReadACP|Write|WriteACP)|MFA|FlywheelArn|DocumentReaderConfig)(\.\*)?$`)

// anyway are members of those kinds whose row takes the values alone that say what holds anyway.
var anyway = regexp.MustCompile(`^s3\.(\w+ (ACL|Grant\w+))$`)

// sealing are the members by which S3 seals, and refuses keys that customers bring.
var sealing = regexp.MustCompile(`^(ServerSideEncryption|SSE\w+|BucketKeyEnabled|ServerSideEncryptionConfiguration\..*)$`)

// sealedJobs are the keys that jobs and trainings of Comprehend use, and flywheels, which are refused in Comprehend's own words.
var sealedJobs = regexp.MustCompile(`^comprehend\.\w+ (VolumeKmsKeyId|ModelKmsKeyId|OutputDataConfig\.KmsKeyId|FlywheelArn)$`)

// TestHonours: every member that a row says to obey is one of its input, and none of them is of a kind that nothing obeys.
func TestHonours(t *testing.T) {
	models := map[string]*model.Model{}
	for _, r := range daemon.Rows() {
		if models[r.Service] == nil {
			m, err := model.Load(r.Service)
			if err != nil {
				t.Fatal(err)
			}
			models[r.Service] = m
		}
		op := models[r.Service].Operations[r.Name]
		seen := map[string]bool{}
		for _, h := range r.Honours {
			if seen[h] {
				t.Errorf("%s.%s honours %s twice", r.Service, r.Name, h)
			}
			seen[h] = true
			if err := member(op.Input, strings.TrimSuffix(h, ".*")); err != nil {
				t.Errorf("%s.%s honours %s: %v", r.Service, r.Name, h, err)
			}
			if unmet.MatchString(h) && !(r.Service == "s3" && sealing.MatchString(h)) && !(r.Service == "logs" && h == "kmsKeyId") && !(r.Service == "cloudtrail" && h == "KmsKeyId") && !anyway.MatchString(r.Service+"."+r.Name+" "+h) && !sealedJobs.MatchString(r.Service+"."+r.Name+" "+h) {
				t.Errorf("%s.%s honours %s, which nothing here keeps", r.Service, r.Name, h)
			}
		}
	}
}

// member finds a dotted path below a shape; lists are passed through.
func member(r *model.Ref, path string) error {
	if r == nil {
		return errors.New("there is no input")
	}
	for _, name := range strings.Split(path, ".") {
		for r.Shape.Type == "list" {
			r = r.Shape.Element
		}
		next := r.Shape.ByName[name]
		if next == nil {
			return fmt.Errorf("%s has no member %s", r.Shape.Name, name)
		}
		r = next
	}
	return nil
}
