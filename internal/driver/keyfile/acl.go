package keyfile

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Tags of an entry in the kernel's system.posix_acl_access (include/uapi/linux/posix_acl.h).
const (
	aclUserObj = 0x01
	aclUser    = 0x02
	aclMask    = 0x10
)

// grantsOnlyUs reads the access control list of f: true if besides the owner it grants something to this user alone. systemd
// lets a service read root's credential by such an entry, whose mask stat shows as the group's permission (inferred from
// systemd's behaviour).
func grantsOnlyUs(f *os.File) (bool, error) {
	b := make([]byte, 1024)
	n, err := unix.Fgetxattr(int(f.Fd()), "system.posix_acl_access", b)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP):
		return false, nil // no list: the group's permission is the group's
	case err != nil:
		return false, err
	case n < 4 || (n-4)%8 != 0 || binary.LittleEndian.Uint32(b) != 2:
		return false, errors.New("its access control list has an unknown form")
	}
	for e := b[4:n]; len(e) > 0; e = e[8:] {
		tag, perm, id := binary.LittleEndian.Uint16(e), binary.LittleEndian.Uint16(e[2:]), binary.LittleEndian.Uint32(e[4:])
		switch {
		case tag == aclUserObj, tag == aclMask, perm == 0:
		case tag == aclUser && (id == 0 || int(id) == os.Geteuid()):
		default:
			return false, nil
		}
	}
	return true, nil
}
