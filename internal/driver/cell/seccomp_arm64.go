package cell

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// legacy is what this architecture calls otherwise.
func legacy() []uintptr { return []uintptr{unix.SYS_FSTATAT} }

// strangerLegacy is what a foreign program may use besides.
func strangerLegacy() []uintptr { return nil }
