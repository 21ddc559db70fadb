# Used by the scripts faults_*: breaks each helper at each of its calls while pod.yaml
# is played and taken down, and sees that a second play and down converge.
# usage: faults.sh fail|kill|hang
how=$1
fault() { # program n: its n-th call fails, or finds berth killed
	real=
	for dir in /usr/bin /usr/sbin /usr/lib/podman /usr/libexec/podman; do
		[ -z "$real" ] && [ -x $dir/$1 ] && real=$dir/$1
	done
	rm -f /run/fault.count
	cat > /usr/local/sbin/$1 <<EOT
#!/bin/sh
exec 9>>/run/fault.lock; flock 9
echo >> /run/fault.count
n=\$(wc -l < /run/fault.count)
exec 9>&-
if [ \$n = $2 ]; then
	touch /run/fault.hit
	case $how in
	kill) pkill -KILL -x berth;;
	hang) exec sleep 1000;;
	fail) echo "broken for a test" >&2; exit 1;;
	esac
fi
exec $real "\$@"
EOT
	chmod 755 /usr/local/sbin/$1
}
patient() { # as a person who interrupts what hangs
	# What is being taken down goes on until the helper's own limit, half a minute.
	if [ $how = hang ]; then timeout -k 60 -s INT 3 "$@"; else "$@"; fi
}
die() { echo "$how $program at call $n: $*" >&2; exit 1; }
runtime=$(sed -n 's/^runtime = "\(.*\)"$/\1/p' /etc/containers/containers.conf 2>/dev/null)
for program in ${runtime:-crun} conmon netavark; do
	n=0
	while n=$((n+1)); [ $n -le 12 ]; do
		rm -f /run/fault.hit
		fault $program $n
		patient berth --no-supervise kube play pod.yaml > /run/faults.out 2>&1; played=$?
		patient berth kube down pod.yaml >> /run/faults.out 2>&1; downed=$?
		[ $played != 137 ] && [ $downed != 137 ] || [ $how = kill ] || die "did not end when interrupted: $(cat /run/faults.out)"
		rm /usr/local/sbin/$program
		if ! [ -e /run/fault.hit ]; then
			[ $n -gt 1 ] || die "it is never called: $(cat /run/faults.out)"
			[ $played = 0 ] && [ $downed = 0 ] || die "without a fault: $(cat /run/faults.out)"
			echo "$program: $((n-1)) calls"
			break
		fi
		[ $played != 0 ] || [ $downed != 0 ] || [ $how = kill ] || echo "$program: call $n may fail"
		berth --no-supervise kube play pod.yaml > /run/faults.out 2>&1 || die "play again: $(cat /run/faults.out)"
		berth exec x-main true || die "exec"
		berth kube down pod.yaml > /run/faults.out 2>&1 || die "down again: $(cat /run/faults.out)"
		berth system check > /run/faults.out 2>&1 || die "system check: $(cat /run/faults.out)"
	done
done
