package iam

import (
	"encoding/csv"
	"errors"
	"strconv"
	"strings"
	"time"

	"cloister/internal/api"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/iam"
	"cloister/internal/store"
)

// reportLife is how long a report is answered before another one must be made (IAM User Guide, "Getting credential reports").
const reportLife = 4 * time.Hour

// report is an account's last credential report.
type report struct {
	Text    string
	Created time.Time
}

var reports = store.Table[report]{Kind: "iam-credential-report"}

const reportID = "last"

func (s *Service) reportRows() []api.Rower {
	return []api.Rower{
		api.Op[shape.GenerateCredentialReportInput, shape.GenerateCredentialReportResponse]{Name: "GenerateCredentialReport",
			Questions: anywhere[shape.GenerateCredentialReportInput]("iam:GenerateCredentialReport"), Act: s.generate,
		},
		api.Op[shape.GetCredentialReportInput, shape.GetCredentialReportResponse]{Name: "GetCredentialReport",
			Questions: anywhere[shape.GetCredentialReportInput]("iam:GetCredentialReport"),
			View: func(c *api.Call, v store.View, _ *shape.GetCredentialReportInput) (*shape.GetCredentialReportResponse, error) {
				it, err := reports.Get(v, s.global(c.Account), reportID)
				if err != nil {
					return nil, missing(err, fault.New("ReportNotPresent", "The account has no credential report.").With(410)) // inferred
				}
				if v.Now().Sub(it.Value.Created) >= reportLife {
					return nil, fault.New("ReportExpired", "The most recent credential report has expired.").With(410) // inferred
				}
				format := "text/csv"
				return &shape.GetCredentialReportResponse{Content: []byte(it.Value.Text), ReportFormat: &format, GeneratedTime: &it.Value.Created}, nil
			},
		},
	}
}

// generate makes a report unless a young one is there. It is made within the call: STARTED is said as AWS says it of the first call,
// and there is nothing to wait for.
func (s *Service) generate(c *api.Call, tx store.Tx, _ *shape.GenerateCredentialReportInput) (*shape.GenerateCredentialReportResponse, error) {
	state := "COMPLETE"
	it, err := reports.Get(tx, s.global(c.Account), reportID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	none := err != nil
	if !none && tx.Now().Sub(it.Value.Created) < reportLife {
		return &shape.GenerateCredentialReportResponse{State: &state}, nil
	}
	text, err := s.credentials(tx, c.Account)
	if err != nil {
		return nil, err
	}
	now := report{Text: text, Created: second(tx)}
	if none {
		err = reports.Create(tx, s.global(c.Account), reportID, &now)
	} else {
		it.Value = now
		err = reports.Save(tx, &it)
	}
	state = "STARTED"
	why := "No report exists. Starting a new report generation task"
	return &shape.GenerateCredentialReportResponse{State: &state, Description: &why}, err
}

// reportHeader is the report's columns, in AWS's order.
const reportHeader = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"

// credentials writes the report: the root user first, then the users. Passwords, second factors and certificates do not exist here, and
// when an account was made is not known.
func (s *Service) credentials(v store.View, account string) (string, error) {
	const none = "N/A"
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(strings.Split(reportHeader, ","))
	line := func(id string, head ...string) error {
		held, err := s.keysOf(v, account, id)
		if err != nil {
			return err
		}
		for i := range keyQuota {
			if i >= len(held) {
				head = append(head, "false", none, none, none, none)
				continue
			}
			k := &held[i]
			head = append(head, strconv.FormatBool(k.Value.Active), stamp(k.Value.Created))
			switch used, err := lastUses.Get(v, s.everywhere(), k.ID); {
			case err == nil:
				head = append(head, stamp(used.Value.At), used.Value.Region, used.Value.Service)
			case errors.Is(err, store.ErrNotFound):
				head = append(head, none, none, none)
			default:
				return err
			}
		}
		return w.Write(append(head, "false", none, "false", none))
	}
	if err := line("", "<root_account>", s.arn(account, "root"), none, "not_supported", none, "not_supported", "not_supported", "false"); err != nil {
		return "", err
	}
	all, err := users.List(v, store.Query{Scope: s.global(account)})
	if err != nil {
		return "", err
	}
	for i := range all {
		u := s.userParty(&all[i])
		if err := line(u.id, u.Name, u.arn, stamp(u.Created), "false", none, none, none, "false"); err != nil {
			return "", err
		}
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n"), w.Error()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
