package wire

import (
	"encoding/xml"
	"net/url"
	"strings"

	"cloister/internal/core/fault"
)

// TaggingHeader turns the document of tags that a form carries into what x-amz-tagging says. Fault: MalformedXML.
func TaggingHeader(document string) (string, *fault.Fault) {
	var t struct {
		XMLName xml.Name `xml:"Tagging"`
		Set     *struct {
			Tags []struct {
				Key   string
				Value string
			} `xml:"Tag"`
		} `xml:"TagSet"`
	}
	if err := xml.Unmarshal([]byte(document), &t); err != nil || t.Set == nil {
		return "", fault.Of(fault.Malformed, "")
	}
	var pairs []string
	for _, x := range t.Set.Tags {
		pairs = append(pairs, url.QueryEscape(x.Key)+"="+url.QueryEscape(x.Value))
	}
	return strings.Join(pairs, "&"), nil
}

// PostResponse is the document that answers a browser's upload which asked for status 201 (S3 API Reference, POST Object).
func PostResponse(location, bucket, key, etag string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<PostResponse>")
	for _, m := range [][2]string{{"Location", location}, {"Bucket", bucket}, {"Key", key}, {"ETag", etag}} {
		b.WriteString("<" + m[0] + ">")
		_ = xml.EscapeText(&b, []byte(m[1]))
		b.WriteString("</" + m[0] + ">")
	}
	b.WriteString("</PostResponse>")
	return b.String()
}
