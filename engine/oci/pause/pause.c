// pause is process 1 of a pod where the host has no catatonit: it does nothing,
// reaps what is orphaned to it, and ends on SIGTERM or SIGINT. What is queued with
// the signal (sigqueue(3)) is its exit code, else 0: so a service container ends as
// the pods do that it stands for.
//
// It has no libc and allocates nothing. The signals it cares for are blocked
// and waited for: a blocked signal reaches process 1 of a PID namespace, which
// otherwise ignores signals it has no handler for (pid_namespaces(7)).

#if defined(__x86_64__)
enum { NR_wait4 = 61, NR_exit_group = 231, NR_rt_sigprocmask = 14, NR_rt_sigtimedwait = 128 };

static long call(long nr, long a, long b, long c, long d)
{
	long ret;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
enum { NR_wait4 = 260, NR_exit_group = 94, NR_rt_sigprocmask = 135, NR_rt_sigtimedwait = 137 };

static long call(long nr, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}
#else
#error "no system calls known for this architecture"
#endif

enum { SIG_BLOCK = 0, SIGINT = 2, SIGTERM = 15, SIGCHLD = 17, WNOHANG = 1, SI_QUEUE = -1 };

// siginfo_t, as far as a queued signal fills it (64-bit architectures).
struct info {
	int signo, error, code, padding, pid, uid;
	union { int number; void *pointer; } value;
	char rest[96];
};

void _start(void)
{
	struct info info;
	unsigned long set = 1ul << (SIGINT - 1) | 1ul << (SIGTERM - 1) | 1ul << (SIGCHLD - 1);

	call(NR_rt_sigprocmask, SIG_BLOCK, (long)&set, 0, sizeof(set));
	for (;;) {
		long sig = call(NR_rt_sigtimedwait, (long)&set, (long)&info, 0, sizeof(set));
		if (sig == SIGTERM || sig == SIGINT)
			call(NR_exit_group, info.code == SI_QUEUE ? info.value.number & 255 : 0, 0, 0, 0);
		while (call(NR_wait4, -1, 0, WNOHANG, 0) > 0)
			;
	}
}
