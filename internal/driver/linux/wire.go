package linux

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	nearLimit = 60 << 10 // bytes of a body that still travels inside its datagram
	farLimit  = 64 << 20 // bytes of a body in a memfd
	maxRights = 64       // descriptors of one datagram
)

// message is one datagram between the daemon and its fabric. Descriptors travel beside it.
type message struct {
	ID   uint64          `json:"id"`
	Op   string          `json:"op,omitempty"`
	Body json.RawMessage `json:"body,omitempty"`
	Err  string          `json:"err,omitempty"`
	Far  bool            `json:"far,omitempty"` // the body is the first descriptor, a sealed memfd
}

// wire carries messages over a SOCK_SEQPACKET pair. Send may be called by many, receive by one.
type wire struct {
	c  *net.UnixConn
	mu sync.Mutex
}

// newWire takes the descriptor over.
func newWire(fd int) (*wire, error) {
	f := os.NewFile(uintptr(fd), "fabric")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("not a unix socket")
	}
	return &wire{c: u}, nil
}

// send doesn't close fds: they stay the caller's.
func (w *wire) send(m message, fds ...int) error {
	if len(m.Body) > nearLimit {
		fd, err := sealed("body", m.Body)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		fds = append([]int{fd}, fds...)
		m.Body, m.Far = nil, true
	}
	if len(fds) > maxRights {
		return fmt.Errorf("%d descriptors in one message, the limit is %d", len(fds), maxRights)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _, err = w.c.WriteMsgUnix(b, oob, nil)
	return err
}

// receive gives the next message and the descriptors that are now the caller's, all of them close-on-exec.
func (w *wire) receive() (message, []int, error) {
	var m message
	buf := make([]byte, nearLimit+16<<10)
	oob := make([]byte, unix.CmsgSpace((maxRights+1)*4))
	n, on, flags, _, err := w.c.ReadMsgUnix(buf, oob)
	if err != nil {
		return m, nil, err
	}
	if n == 0 {
		return m, nil, io.EOF
	}
	fds, err := rights(oob[:on])
	if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = errors.New("a message was cut short")
	}
	if err == nil {
		err = json.Unmarshal(buf[:n], &m)
	}
	if err == nil && m.Far {
		if len(fds) == 0 {
			err = errors.New("a message without its body")
		} else {
			m.Body, err = unseal(fds[0])
			unix.Close(fds[0])
			fds = fds[1:]
		}
	}
	if err != nil {
		closeAll(fds)
		return message{}, nil, err
	}
	return m, fds, nil
}

func rights(oob []byte) ([]int, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var fds []int
	for i := range msgs {
		f, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			closeAll(fds)
			return nil, err
		}
		fds = append(fds, f...)
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, f := range fds {
		unix.Close(f)
	}
}

const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// sealed gives a memfd that holds b and can't change any more.
func sealed(name string, b []byte) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fmt.Errorf("cannot make a memfd: %w", err)
	}
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("cannot fill a memfd: %w", err)
		}
		b = b[n:]
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("cannot seal a memfd: %w", err)
	}
	return fd, nil
}

func unseal(fd int) ([]byte, error) {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || got&seals != seals {
		return nil, errors.New("a body that isn't sealed")
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Size > farLimit {
		return nil, fmt.Errorf("a body of %d bytes", st.Size)
	}
	b := make([]byte, st.Size)
	for off := 0; off < len(b); {
		n, err := unix.Pread(fd, b[off:], int64(off))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		off += n
	}
	return b, nil
}

// program gives a sealed memfd with a copy of the binary, the running one when no path is given: it can be executed where its path can't be walked to,
// and it can't be changed under a running daemon.
func program(path string) (int, error) {
	if path == "" {
		path = "/proc/self/exe"
	}
	src, err := os.Open(path)
	if err != nil {
		return -1, err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return -1, err
	}
	const mfdExec = 0x10 // MFD_EXEC, since 6.3; older kernels make every memfd executable and refuse the flag
	fd, err := unix.MemfdCreate("cloister", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|mfdExec)
	if errors.Is(err, unix.EACCES) { // vm.memfd_noexec=2: the file itself, if all on its way may read it
		return unix.FcntlInt(src.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("cloister", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return -1, fmt.Errorf("cannot make a memfd: %w", err)
	}
	for left := st.Size(); left > 0; {
		n, err := unix.Sendfile(fd, int(src.Fd()), nil, int(min(left, 1<<30)))
		if err == unix.EINTR {
			continue
		}
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("cannot copy the program: %w", err)
		}
		left -= int64(n)
	}
	// The kernel refuses while somebody still holds a page (memory that is just being moved or written back): not for long.
	for try := 0; ; try++ {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
		if err == nil {
			return fd, nil
		}
		if !errors.Is(err, unix.EBUSY) || try == 50 {
			unix.Close(fd)
			return -1, fmt.Errorf("cannot seal the program: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
