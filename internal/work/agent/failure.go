package agent

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"cloister/internal/core/job"
	"cloister/internal/work/objects"
)

var (
	errLimit    = errors.New("input limit")
	errStop     = errors.New("stopped") // ends the feeding without being a failure
	errEncoding = errors.New("not UTF-8")
	errAnalyser = errors.New("the analyser does not take its input")
)

// lost is an object that was listed and could not be read.
type lost struct {
	uri string
	err error
}

func (l *lost) Error() string { return l.uri + ": " + l.err.Error() }
func (l *lost) Unwrap() error { return l.err }

// internal is a fault of ours, or of the host.
func internal(stage, message string, err error) *job.Failure {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		message = job.NoSpace
	case errors.Is(err, syscall.EFBIG):
		message = "The results are larger than a job's scratch may be."
	}
	return &job.Failure{Code: "INTERNAL_ERROR", Message: message, Stage: stage, Cause: "internal", Detail: err.Error()}
}

// failure says in AWS's words what kept the agent from S3. Stage is list, read or write.
func (a *agent) failure(stage string, err error) *job.Failure {
	f := &job.Failure{Stage: stage, Detail: err.Error(), Code: "NO_READ_ACCESS_TO_INPUT",
		Message: "The provided data access role does not have proper access to the input data."}
	if stage == "write" {
		f.Code, f.Message = "NO_WRITE_ACCESS_TO_OUTPUT", "The provided data access role does not have write access to the output S3 URI"
	}
	var (
		se   *objects.Error
		dns  *net.DNSError
		gone *lost
	)
	switch {
	case errors.As(err, &se):
		f.RequestID, f.Cause = se.RequestID, "denied"
		switch {
		case strings.HasPrefix(se.Code, "KMS."), se.Code == "AccessDenied" && strings.Contains(se.Message, "kms:"): // S3 tells what KMS refused it, in KMS's words
			f.Code, f.Message = job.KeyCode(strings.TrimPrefix(se.Code, "KMS.")), "The KMS key of the "+side(stage)+" cannot be used: "+se.Message
		case se.Status == 404 && errors.As(err, &gone):
			f.Cause, f.Code = "missing", "NO_INPUT_FOUND"
			f.Message = fmt.Sprintf("The input object %s was listed, but was not there any more when it was read.", gone.uri)
		case se.Status == 412 && errors.As(err, &gone):
			f.Cause, f.Code = "changed", "INPUT_CHANGED"
			f.Message = fmt.Sprintf("The input object %s was replaced while the job read it.", gone.uri)
		case se.Status == 404:
			f.Cause = "missing"
		case se.Status >= 500:
			f.Cause, f.Code, f.Message = "internal", "INTERNAL_ERROR", "S3 could not serve the job."
		}
	case errors.As(err, &dns):
		f.Cause = "unresolved"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ECONNRESET), isTimeout(err):
		f.Cause = "unreachable"
	case errors.As(err, &gone):
		return internal(stage, "The job failed while it read the input object "+gone.uri+".", err)
	default:
		return internal(stage, "The job failed while it moved its data.", err)
	}
	return f
}

func side(stage string) string {
	if stage == "write" {
		return "output"
	}
	return "input"
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
