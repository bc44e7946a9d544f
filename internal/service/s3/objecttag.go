package s3

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cloister/internal/api"
	"cloister/internal/core/action"
	"cloister/internal/core/fault"
	shape "cloister/internal/shape/s3"
	"cloister/internal/store"
)

const maxTags = 10 // of an object (S3 User Guide, "Categorizing your objects using tags")

// checkTag holds a tag to its lengths, its letters and the prefix that is AWS's own.
func checkTag(key, value string) error {
	bad := func(text string) error {
		return fault.New("InvalidTag", "%s", text).With(400).Field("TagKey", key).Field("TagValue", value)
	}
	switch {
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return bad("System tags cannot be added/updated by requester")
	case key == "" || utf8.RuneCountInString(key) > 128 || !tagText(key):
		return bad("The TagKey you have provided is invalid")
	case utf8.RuneCountInString(value) > 256 || !tagText(value):
		return bad("The TagValue you have provided is invalid")
	}
	return nil
}

func tagText(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSpace(r) && !strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

func tooManyTags() error {
	return fault.New("BadRequest", "Object tags cannot be greater than 10").With(400)
}

// tagsOf reads a tag set.
func tagsOf(t *shape.Tagging) (map[string]string, error) {
	if t == nil {
		return nil, malformedXML()
	}
	if len(t.TagSet) > maxTags {
		return nil, tooManyTags()
	}
	return checkTags(t.TagSet)
}

// checkTags reads the tags of an object or bucket.
func checkTags(set []shape.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, x := range set {
		k := str(x.Key)
		if err := checkTag(k, str(x.Value)); err != nil {
			return nil, err
		}
		if _, twice := tags[k]; twice {
			return nil, fault.New("InvalidTag", "Cannot provide multiple Tags with the same key").With(400).Field("TagKey", k)
		}
		tags[k] = str(x.Value)
	}
	return tags, nil
}

// headerTags reads the header x-amz-tagging: url-encoded, as a query.
func headerTags(header *string) (map[string]string, error) {
	if str(header) == "" {
		return nil, nil
	}
	q, err := url.ParseQuery(*header)
	tags := map[string]string{}
	for k, vs := range q {
		if len(vs) != 1 || k == "" && vs[0] == "" {
			err = url.EscapeError(k)
			break
		}
		tags[k] = vs[0]
	}
	if err != nil {
		return nil, fault.New("InvalidArgument", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.").
			With(400).Field("ArgumentName", "x-amz-tagging").Field("ArgumentValue", *header)
	}
	if len(tags) > maxTags {
		return nil, tooManyTags()
	}
	for k, v := range tags {
		if err := checkTag(k, v); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// noteTags remembers that a bucket's objects may have tags: until then no question looks for them.
func noteTags(tx store.Tx, b *store.Item[Bucket], tags map[string]string) error {
	if len(tags) == 0 || b.Value.Tagged {
		return nil
	}
	b.Value.Tagged = true
	return buckets.Save(tx, b)
}

// ownTags adds the tags of the object that a question is about, if its action can see them (s3:ExistingObjectTag/...).
func ownTags(c *api.Call, v store.View, b store.Item[Bucket], key string, id *string, qs []api.Question) error {
	if !b.Value.Tagged || key == "" {
		return nil
	}
	var tags map[string]string
	looked := false
	for i := range qs {
		a, _ := action.Lookup(qs[i].Action)
		if qs[i].Resource != objectARN(c, b.ID, key) || !slices.ContainsFunc(a.Keys, func(k string) bool { return strings.HasPrefix(k, "s3:ExistingObjectTag/") }) {
			continue
		}
		if !looked {
			o, err := tagged(c, v, b, key, id)
			if err != nil {
				return err
			}
			if looked = true; o != nil {
				tags = o.Tags
			}
		}
		for k, val := range tags {
			if qs[i].Keys == nil {
				qs[i].Keys = map[string][]string{}
			}
			qs[i].Keys["s3:ExistingObjectTag/"+k] = []string{val}
		}
	}
	return nil
}

// tagged reads the object of a question. A version id that is none is for the handler to refuse.
func tagged(c *api.Call, v store.View, b store.Item[Bucket], key string, id *string) (*Object, error) {
	sc := home(c.Partition, b.Value)
	if id == nil {
		it, err := current(v, sc, objectID(b.ID, key))
		return valueOf(it), err
	}
	if _, ours := madeOf(*id); !ours && *id != null {
		return nil, nil
	}
	it, err := pick(v, b, sc, key, *id)
	if it == nil {
		return nil, err
	}
	return &it.Value, err
}

// save writes a version back where it lies.
func (x *version) save(tx store.Tx) error {
	if x.past {
		return versions.Save(tx, &x.Item)
	}
	return objects.Save(tx, &x.Item)
}

// amend reads a version, lets f change it and writes it back; the version id is for the answer.
func amend(c *api.Call, tx store.Tx, bucket, key, id, expectedOwner *string, f func(*store.Item[Bucket], *Object) error) (*string, error) {
	if err := checkKey(str(key)); err != nil {
		return nil, err
	}
	b, err := find(c, tx, bucket, expectedOwner)
	if err != nil {
		return nil, err
	}
	c.Touch(objectARN(c, b.ID, *key))
	it, err := locate(c, tx, b, *key, id)
	if err != nil {
		return nil, err
	}
	if err := f(&b, &it.Value); err != nil {
		return nil, err
	}
	return shown(b, it.Value), it.save(tx)
}

// inspect reads a version for an answer.
func inspect(c *api.Call, v store.View, bucket, key, id, expectedOwner *string) (store.Item[Bucket], Object, error) {
	if err := checkKey(str(key)); err != nil {
		return store.Item[Bucket]{}, Object{}, err
	}
	b, err := find(c, v, bucket, expectedOwner)
	if err != nil {
		return b, Object{}, err
	}
	c.Touch(objectARN(c, b.ID, *key))
	it, err := locate(c, v, b, *key, id)
	if err != nil {
		return b, Object{}, err
	}
	return b, it.Value, nil
}

func (s *Service) putObjectTagging() api.Rower {
	return api.Op[shape.PutObjectTaggingRequest, shape.PutObjectTaggingOutput]{
		Name:      "PutObjectTagging",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner", "Tagging.TagSet.*", "ContentMD5", "ChecksumAlgorithm"},
		Questions: asks[shape.PutObjectTaggingRequest]("PutObjectTagging"),
		Act: func(c *api.Call, tx store.Tx, in *shape.PutObjectTaggingRequest) (*shape.PutObjectTaggingOutput, error) {
			id, err := amend(c, tx, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, func(b *store.Item[Bucket], o *Object) (err error) {
				if o.Tags, err = tagsOf(in.Tagging); err != nil {
					return err
				}
				return noteTags(tx, b, o.Tags)
			})
			return &shape.PutObjectTaggingOutput{VersionId: id}, err
		},
	}
}

func (s *Service) getObjectTagging() api.Rower {
	return api.Op[shape.GetObjectTaggingRequest, shape.GetObjectTaggingOutput]{
		Name:      "GetObjectTagging",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner"},
		Questions: asks[shape.GetObjectTaggingRequest]("GetObjectTagging"),
		View: func(c *api.Call, v store.View, in *shape.GetObjectTaggingRequest) (*shape.GetObjectTaggingOutput, error) {
			b, o, err := inspect(c, v, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
			if err != nil {
				return nil, err
			}
			out := &shape.GetObjectTaggingOutput{VersionId: shown(b, o), TagSet: []shape.Tag{}}
			for _, k := range slices.Sorted(maps.Keys(o.Tags)) {
				out.TagSet = append(out.TagSet, shape.Tag{Key: ptr(k), Value: ptr(o.Tags[k])})
			}
			return out, nil
		},
	}
}

func (s *Service) deleteObjectTagging() api.Rower {
	return api.Op[shape.DeleteObjectTaggingRequest, shape.DeleteObjectTaggingOutput]{
		Name:      "DeleteObjectTagging",
		Anonymous: true,
		Honours:   []string{"Bucket", "Key", "VersionId", "ExpectedBucketOwner"},
		Questions: asks[shape.DeleteObjectTaggingRequest]("DeleteObjectTagging"),
		Act: func(c *api.Call, tx store.Tx, in *shape.DeleteObjectTaggingRequest) (*shape.DeleteObjectTaggingOutput, error) {
			id, err := amend(c, tx, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, func(_ *store.Item[Bucket], o *Object) error {
				o.Tags = nil
				return nil
			})
			return &shape.DeleteObjectTaggingOutput{VersionId: id}, err
		},
	}
}
