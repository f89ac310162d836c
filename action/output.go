package action

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const (
	// How much of an output is kept on disk, at most.
	keepOutput = 1 << 20
	// How large an output may become before it is shortened.
	maxOutput = 2 << 20
	// What the beginning of a file can be cut off in.
	block = 4096
)

// Modes of fallocate(2).
const (
	keepSize      = 0x01
	punchHole     = 0x02
	collapseRange = 0x08
)

// trim shortens an output to its last MiB where it is longer than limit. The
// program goes on writing meanwhile; nothing of what it writes is lost and
// nothing is read into memory.
func (r *Runner) trim(path string, limit int64) {
	r.trimming.Lock()
	defer r.trimming.Unlock()
	info, err := os.Stat(path)
	if err != nil || info.Size() <= limit || onDisk(info) <= limit {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return // removed by Forget in between
	}
	defer func() { _ = f.Close() }() // nothing was written
	// Rounded up: at most keepOutput stays.
	if err := cutOff(f, (info.Size()-keepOutput+block-1)/block*block); err != nil {
		r.o.Logger.Warn("cannot shorten the output of a step; its disk may fill up", "file", path, "err", err)
	}
}

// onDisk is the space that a file takes; a hole takes none.
func onDisk(info os.FileInfo) int64 {
	const unit = 512 // of st_blocks, whatever the file system's own is
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * unit
	}
	return info.Size()
}

// cutOff gives the disk space of a file's first n bytes back. On ext4 and XFS they
// can be taken out of the file; tmpfs and Btrfs only make a hole of them; where
// neither works, everything written so far is dropped.
func cutOff(f *os.File, n int64) error {
	err := fallocate(f, collapseRange, n)
	if err != nil {
		err = fallocate(f, punchHole|keepSize, n)
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return f.Truncate(0)
	}
	return err
}

func fallocate(f *os.File, mode uint32, n int64) error {
	for {
		if err := syscall.Fallocate(int(f.Fd()), mode, 0, n); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// readTail reads the end of an output, with enough before it that a secret at the
// edge is whole; empty if there is none.
func readTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(0, info.Size()-tailSize-slack)
	raw, err := io.ReadAll(io.NewSectionReader(f, from, tailSize+slack))
	if err != nil {
		return ""
	}
	return string(raw)
}
