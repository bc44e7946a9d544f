package bucket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"cloister/internal/store"
)

// Place says which store: where it is and whose credentials to use. It holds no secret.
type Place struct {
	Bucket, Prefix string // the prefix is empty or ends in a slash
	Endpoint       string // URL; empty: AWS
	Region         string
	PathStyle      bool   // the bucket in the path, not in the host
	Profile        string // of the credentials' file
	Credentials    string // a file in the form of ~/.aws/credentials; empty: the standard chain
}

// Parse reads s3://bucket/prefix?endpoint=URL&region=R&path-style=true&profile=P&credentials=FILE. All but the bucket may be
// absent; with an endpoint the path style is the default, for few stores other than AWS know names of hosts.
func Parse(text string) (Place, error) {
	p, err := parse(text)
	if err != nil {
		return p, fmt.Errorf("cannot use %q as an object store: %w", text, err)
	}
	return p, nil
}

func parse(text string) (p Place, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return p, errors.New("it is not a URL")
	case u.Scheme != "s3" || u.Host == "" || u.Port() != "" || u.Fragment != "":
		return p, errors.New("want s3://bucket[/prefix][?endpoint=URL&region=NAME&path-style=BOOL&profile=NAME&credentials=FILE]")
	case u.User != nil:
		return p, errors.New("credentials have no place in it: use the environment, or a file with credentials=FILE")
	}
	p.Bucket, p.Prefix = u.Host, strings.Trim(u.Path, "/")
	if p.Prefix != "" {
		p.Prefix += "/"
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return p, errors.New("its options cannot be read")
	}
	style := ""
	for name, v := range q {
		to, ok := map[string]*string{"endpoint": &p.Endpoint, "region": &p.Region, "path-style": &style, "profile": &p.Profile, "credentials": &p.Credentials}[name]
		if !ok || len(v) != 1 || v[0] == "" {
			return p, fmt.Errorf("option %q: want endpoint, region, path-style, profile or credentials, each once", name)
		}
		*to = v[0]
	}
	p.PathStyle = p.Endpoint != ""
	if style != "" {
		if p.PathStyle, err = strconv.ParseBool(style); err != nil {
			return p, errors.New("option path-style: want true or false")
		}
	}
	if p.Endpoint != "" {
		e, err := url.Parse(p.Endpoint)
		if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil || strings.Trim(e.Path, "/") != "" || e.RawQuery != "" {
			return p, errors.New("option endpoint: want http://host:port or https://host")
		}
	}
	return p, nil
}

// attempts is how often a request is made at most.
const attempts = 4

// String is the place without its options.
func (p Place) String() string {
	s := "s3://" + p.Bucket + "/" + p.Prefix
	if p.Endpoint != "" {
		s += " at " + p.Endpoint
	}
	return s
}

// client makes the SDK's client. The limits are of one attempt: a store that does not answer is away, rather than waited for.
func (p Place) client(ctx context.Context) (*awss3.Client, error) {
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().
			WithDialerOptions(func(d *net.Dialer) { d.Timeout = 5 * time.Second }).
			WithTransportOptions(func(t *http.Transport) {
				t.ResponseHeaderTimeout = 30 * time.Second
				t.MaxIdleConns, t.MaxIdleConnsPerHost = 128, 128
				t.WriteBufferSize, t.ReadBufferSize = 64<<10, 64<<10
			})),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, time.Second })
		}),
		// Blobs carry checksums of their own, and many stores know no trailers; what goes up is checked by an explicit one.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	}
	if p.Region != "" {
		load = append(load, config.WithRegion(p.Region))
	}
	if p.Credentials != "" { // those and no others, whatever the chain would find
		name := p.Profile
		if name == "" {
			name = config.DefaultSharedConfigProfile
		}
		f, err := config.LoadSharedConfigProfile(ctx, name, func(o *config.LoadSharedConfigOptions) {
			o.CredentialsFiles, o.ConfigFiles = []string{p.Credentials}, []string{}
		})
		if err == nil && !f.Credentials.HasKeys() {
			err = errors.New("it holds no key pair")
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read credentials from %s, profile %s: %w", p.Credentials, name, err)
		}
		load = append(load, config.WithCredentialsProvider(credentials.StaticCredentialsProvider{Value: f.Credentials}))
	} else if p.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(p.Profile))
	}
	c, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, err
	}
	if c.Region == "" {
		if p.Endpoint == "" {
			return nil, errors.New("no region is set: name one with region=")
		}
		c.Region = "us-east-1" // what stores take that have none
	}
	return awss3.NewFromConfig(c, func(o *awss3.Options) {
		o.UsePathStyle = p.PathStyle
		if p.Endpoint != "" {
			o.BaseEndpoint = aws.String(p.Endpoint)
		}
	}), nil
}

// refusal is the code of the store's answer; empty when it gave none.
func refusal(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// trouble sorts a store's refusals: what it does not have, that it is full, and all the rest, which time or an operator mends.
func trouble(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var status *awshttp.ResponseError
	switch refusal(err) {
	case "NoSuchKey", "NotFound", "NoSuchUpload":
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	case "InsufficientStorage", "InsufficientCapacity", "StorageFull", "XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded":
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	if errors.As(err, &status) && status.HTTPStatusCode() == http.StatusInsufficientStorage {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return fmt.Errorf("%w: %w", store.ErrAway, err)
}
