package oci

import (
	"runtime"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// infraSeccomp is the infra process's own filter: it only ever waits for
// signals and for children. It is both tighter and, compiled by the runtime for
// each pod, many times cheaper than the profile for arbitrary programs. nil on
// architectures whose name seccomp(2) gives is not known here: they take the
// default profile.
//
// Beside what catatonit and pause call stands what a runtime written in Go
// calls between loading the filter and executing the program.
func infraSeccomp() *specs.LinuxSeccomp {
	arch, ok := map[string]specs.Arch{
		"amd64": specs.ArchX86_64, "arm64": specs.ArchAARCH64, "riscv64": specs.ArchRISCV64,
		"ppc64le": specs.ArchPPC64LE, "s390x": specs.ArchS390X,
	}[runtime.GOARCH]
	if !ok {
		return nil
	}
	refused := uint(syscall.EPERM)
	return &specs.LinuxSeccomp{
		DefaultAction: specs.ActErrno, DefaultErrnoRet: &refused,
		Architectures: []specs.Arch{arch},
		Syscalls: []specs.LinuxSyscall{{Action: specs.ActAllow, Names: []string{
			"access", "arch_prctl", "brk", "capget", "capset", "chdir", "clock_gettime", "clock_nanosleep", "clone", "close",
			"close_range", "dup", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "execve",
			"execveat", "exit", "exit_group", "faccessat", "faccessat2", "fchdir", "fcntl", "fstat", "fstatfs", "futex",
			"getcwd", "getdents64", "getegid", "geteuid", "getgid", "getpgrp", "getpid", "getppid", "getrandom", "gettid",
			"getuid", "kill", "lseek", "lstat", "madvise", "mmap", "mprotect", "mremap", "munmap", "nanosleep",
			"newfstatat", "open", "openat", "openat2", "pause", "pipe2", "poll", "ppoll", "prctl", "pread64", "prlimit64",
			"read", "readlink", "readlinkat", "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
			"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "sched_getaffinity", "sched_yield", "seccomp", "set_robust_list",
			"set_tid_address", "setgid", "setgroups", "setpgid", "setresgid", "setresuid", "setsid", "setuid", "sigaltstack",
			"signalfd4", "stat", "statfs", "statx", "tgkill", "timer_create", "timer_delete", "timer_settime", "wait4",
			"waitid", "write", "writev",
		}}},
	}
}
