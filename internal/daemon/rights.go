package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"cloister/internal/work/host"
)

// firstAsk reads the first message of a conversation and the descriptors that come with it. It ends with a line feed.
func firstAsk(u *net.UnixConn) (a execAsk, files []*os.File, err error) {
	var line []byte
	buf, oob := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(8*4))
	for len(line) == 0 || line[len(line)-1] != '\n' {
		n, on, flags, _, err := u.ReadMsgUnix(buf, oob)
		if err == nil && on > 0 {
			var got []*os.File
			got, err = received(oob[:on])
			files = append(files, got...)
		}
		switch {
		case err != nil:
			return a, files, err
		case flags&unix.MSG_CTRUNC != 0 || len(files) > 3 || len(line)+n > execMost:
			return a, files, errors.New("too much at once")
		case n == 0:
			return a, files, errors.New("cut short")
		}
		line = append(line, buf[:n]...)
	}
	return a, files, json.Unmarshal(line, &a)
}

func received(oob []byte) (out []*os.File, err error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return out, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			out = append(out, os.NewFile(uintptr(fd), "stdio"))
		}
	}
	return out, nil
}

// Exec runs a host command on an interface. made is asked to make that interface under a token, and to give its id, account and
// region; heard are the signals for the command. It gives the command's exit status, or 128 and its signal.
func Exec(data string, s host.Spec, stdio [3]*os.File, heard <-chan os.Signal, made func(ctx context.Context, token string) (id, account, region string, err error)) (int, error) {
	c, err := net.Dial("unix", filepath.Join(data, adminName))
	if err != nil {
		return 0, fmt.Errorf("no daemon answers in %s (is `cloister serve` running, and are you its user?): %w", data, err)
	}
	defer c.Close()
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, errors.New("no unix socket")
	}
	if _, err := u.Write([]byte("POST /exec HTTP/1.1\r\nHost: operator\r\nConnection: Upgrade\r\nUpgrade: cloister-exec\r\n\r\n")); err != nil {
		return 0, err
	}
	in := bufio.NewReader(u)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		var m struct{ Message string }
		_ = json.NewDecoder(res.Body).Decode(&m)
		return 0, errors.New(m.Message)
	}
	line, err := json.Marshal(execAsk{Command: &s})
	if err != nil {
		return 0, err
	}
	line = append(line, '\n')
	n, _, err := u.WriteMsgUnix(line[:1], unix.UnixRights(int(stdio[0].Fd()), int(stdio[1].Fd()), int(stdio[2].Fd())), nil)
	if err == nil {
		_, err = u.Write(line[n:])
	}
	if err != nil {
		return 0, err
	}
	return converse(u, json.NewDecoder(in), heard, made)
}

func converse(u *net.UnixConn, in *json.Decoder, heard <-chan os.Signal, made func(ctx context.Context, token string) (id, account, region string, err error)) (int, error) {
	tells := make(chan execTell)
	gone := make(chan error, 1)
	go func() {
		for {
			var t execTell
			if err := in.Decode(&t); err != nil {
				gone <- err
				return
			}
			tells <- t
		}
	}()
	out := json.NewEncoder(u)
	runs := false
	for {
		select {
		case t := <-tells:
			switch {
			case t.Err != "":
				return 0, errors.New(t.Err)
			case t.Ended != nil:
				return *t.Ended, nil
			case t.Runs:
				runs = true
			case t.Token != "":
				id, account, region, err := made(context.Background(), t.Token)
				if err != nil {
					return 0, err
				}
				if err := out.Encode(execAsk{Interface: &execPort{id, account, region}}); err != nil {
					return 0, err
				}
			}
		case s := <-heard:
			n, ok := s.(syscall.Signal)
			if !runs { // nothing there to be told: the conversation's end undoes what was begun
				return 128 + int(n), nil
			}
			if ok {
				_ = out.Encode(execAsk{Signal: int(n)})
			}
		case err := <-gone:
			return 0, fmt.Errorf("the daemon is gone, and the command with it: %w", err)
		}
	}
}
