package job

import "testing"

func TestInstances(t *testing.T) {
	for _, c := range []struct {
		share Share
		bytes int64
		want  int
	}{
		{Share{}, 1 << 40, 1}, {Share{1, 10}, 1 << 40, 1}, {Share{4, 0}, 1 << 40, 1},
		{Share{4, 10}, 0, 1}, {Share{4, 10}, 10, 1}, {Share{4, 10}, 11, 2}, {Share{4, 10}, 30, 3}, {Share{4, 10}, 1 << 40, 4},
	} {
		if got := c.share.Instances(c.bytes); got != c.want {
			t.Errorf("%+v of %d bytes: %d, want %d", c.share, c.bytes, got, c.want)
		}
	}
}
