package page

import (
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// memory is what PDFium computes in: one stretch of addresses for all files, one after another, which lies beside Go's heap. On the heap it would be
// copied to grow, so that a file could take twice what it may; here it grows where it is, and is given back with the file.
type memory struct {
	mu   sync.Mutex
	all  []byte
	user int // counts instances: what an older one does is no matter
}

// Allocate satisfies experimental.MemoryAllocator. Without addresses it panics, as the interface knows no error.
func (m *memory) Allocate(_, most uint64) experimental.LinearMemory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		all, err := syscall.Mmap(-1, 0, memoryMax*wasmPage, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
		if err != nil {
			panic(fmt.Errorf("cannot get memory to read a PDF file: %w", err))
		}
		m.all = all
		// What the process may have is for both.
		if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
			debug.SetMemoryLimit(max(limit/4, limit-int64(len(all))))
		}
	}
	m.clear()
	m.user++
	return &share{m: m, user: m.user, most: min(most, uint64(len(m.all)))}
}

// clear gives the kernel back what was written: it reads as zeros afterwards. The addresses stay, as some may still be known.
func (m *memory) clear() {
	if err := syscall.Madvise(m.all, syscall.MADV_DONTNEED); err != nil {
		panic(fmt.Errorf("cannot clear memory: %w", err))
	}
}

// share is the memory of one instance.
type share struct {
	m    *memory
	user int
	most uint64
}

// Reallocate satisfies experimental.LinearMemory.
func (s *share) Reallocate(size uint64) []byte {
	if size > s.most {
		return nil
	}
	return s.m.all[:size:size]
}

// Free satisfies experimental.LinearMemory.
func (s *share) Free() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.user == s.m.user {
		s.m.clear()
	}
}
