package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// find looks for the program of an attempt that an earlier daemon started; nil if
// it does not live. The pid file is believed first: a server that the step left
// behind may hold the lock for months. Where only the lock tells that something
// lives, it may be that server, and is therefore no process that may be ended.
func find(dir string) *process {
	rec, err := readRecord(filepath.Join(dir, pidFile))
	if err == nil {
		if !rec.lives() {
			return nil
		}
		p := group(rec.PID)
		p.gone = func() bool { return !rec.lives() }
		return p
	}
	lock := filepath.Join(dir, lockFile)
	if !held(lock) {
		return nil
	}
	return &process{
		gone:     func() bool { return !held(lock) },
		alive:    func() bool { return held(lock) },
		stranger: func() string { return holders(lock) },
	}
}

// record is a pid file: a process number alone is given away again, so the time
// of the process's start and the boot belong to it.
type record struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // clock ticks since the boot
	Boot  string `json:"boot"`
}

func (rec record) lives() bool {
	stat, err := readStat(rec.PID)
	return err == nil && stat.start == rec.Start && bootID() == rec.Boot && !stat.ended()
}

// writeRecord makes the pid file.
func writeRecord(path string, pid int) error {
	stat, err := readStat(pid)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(record{PID: pid, Start: stat.start, Boot: bootID()})
	if err != nil {
		return err
	}
	return writeDurably(path, raw)
}

// writeDurably makes a small file that survives a power cut, as a whole or not at
// all.
func writeDurably(path string, raw []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func readRecord(path string) (record, error) {
	var rec record
	raw, err := os.ReadFile(path)
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(raw, &rec); err != nil {
		return rec, fmt.Errorf("pid file %s: %w", path, err)
	}
	if rec.PID <= 1 || rec.Start == "" {
		return rec, fmt.Errorf("pid file %s: names no process", path)
	}
	return rec, nil
}

// processStat is what is needed of /proc/PID/stat.
type processStat struct {
	state byte
	pgid  int
	start string
}

// ended is true for a zombie: it has ended, and only nobody has collected it.
func (s processStat) ended() bool { return s.state == 'Z' || s.state == 'X' }

func readStat(pid int) (processStat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processStat{}, err
	}
	// The program's name stands in parentheses and may hold anything.
	text := string(raw)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const state, pgid, start = 0, 2, 19 // proc(5), less the two fields before
	if len(fields) <= start {
		return processStat{}, fmt.Errorf("/proc/%d/stat: cannot be read", pid)
	}
	number, err := strconv.Atoi(fields[pgid])
	return processStat{state: fields[state][0], pgid: number, start: fields[start]}, err
}

func bootID() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown" // the start's ticks must do
	}
	return strings.TrimSpace(string(raw))
}

// held tells whether a living process holds the lock of an attempt.
func held(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // gives the lock back, if we got it
	return errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// holders names the processes that have an attempt's lock file open, for people:
// "process 812 (nginx)". The kernel shows them to root only, or to their owner.
func holders(path string) string {
	const most = 5
	found := map[int]bool{}
	want, err := os.Stat(path)
	open, globErr := filepath.Glob("/proc/[0-9]*/fd/*")
	if err := errors.Join(err, globErr); err != nil {
		return "a process that cannot be found"
	}
	for _, fd := range open {
		info, err := os.Stat(fd)
		if err != nil || !os.SameFile(info, want) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(fd, "/")[2]); err == nil && pid != os.Getpid() {
			found[pid] = true
		}
	}
	var names []string
	for _, pid := range slices.Sorted(maps.Keys(found)) {
		if len(names) == most {
			names = append(names, "and others")
			break
		}
		names = append(names, fmt.Sprintf("process %d (%s)", pid, programName(pid)))
	}
	if len(names) == 0 {
		return "a process that cannot be found"
	}
	return strings.Join(names, ", ")
}

func programName(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "ended meanwhile"
	}
	return strings.TrimSpace(string(raw))
}

// hasLiving tells whether a process group has a member that is not a zombie.
// Where the daemon is a container's first process, nobody collects orphans.
func hasLiving(pgid int) bool {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return true
	}
	return slices.ContainsFunc(stats, func(path string) bool {
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			return false
		}
		stat, err := readStat(pid)
		return err == nil && stat.pgid == pgid && !stat.ended()
	})
}
