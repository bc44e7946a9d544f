package linux

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// shownTree is the folder as a mount of its own that lies nowhere yet, read-only, without setuid, devices and ways back; nil where nothing is to be shown,
// or where an ordinary user's processes can go there themselves.
func shownTree(dir string) (*os.File, error) {
	if dir == "" || os.Geteuid() != 0 {
		return nil, nil
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot clone %s: %w", dir, err)
	}
	f := os.NewFile(uintptr(fd), "roots")
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot make %s read-only: %w", dir, err)
	}
	return f, nil
}

// show puts that mount over a folder, in the child's mount namespace. What the folder held can't be seen there any more.
func show(at string) error {
	defer unix.Close(childRoots)
	return unix.MoveMount(childRoots, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
}
