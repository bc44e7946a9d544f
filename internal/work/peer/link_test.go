package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A peer that says too much at once, or nothing, is not listened to for long; one that only lives is.
func TestLinkIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		k := newLink(a, silence)
		go func() {
			var h [5]byte
			h[0] = msgResult
			binary.BigEndian.PutUint32(h[1:], messageMax+1)
			b.Write(h[:])
		}()
		if _, _, err := k.receive(); !errors.Is(err, errMessage) {
			t.Errorf("a message over the limit: %v", err)
		}
		if err := k.send(msgResult, make([]byte, messageMax+1)); !errors.Is(err, errMessage) {
			t.Errorf("one of ours: %v", err)
		}
		begun := time.Now()
		if _, _, err := k.receive(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != silence {
			t.Errorf("silence: %v after %s", err, time.Since(begun))
		}
		if err := k.send(msgResult, make([]byte, messageMax)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a peer that reads nothing: %v", err)
		}
		a.Close()
		b.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		k, far := newLink(a, silence), newLink(b, silence)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); far.beat(ctx, beatEvery) }()
		begun := time.Now()
		time.AfterFunc(time.Hour, cancel)
		if _, _, err := k.receive(); err == nil || time.Since(begun) < time.Hour {
			t.Errorf("a living peer: %v after %s", err, time.Since(begun))
		}
		<-ended
		a.Close()
	})
}
