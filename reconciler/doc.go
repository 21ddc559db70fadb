// Package reconciler makes the host look like what its source says: it compares
// desired pods with observed ones, makes a plan and acts on it, once (Apply,
// Down) or for ever (Loop).
//
// It does not read files (a Source does), does not know YAML (a Translator
// turns objects into pods) and starts no process (an Engine does). The three
// are interfaces declared here and satisfied by others.
//
// Three pure functions decide, and are tested by tables:
//
//	MakePlan  desired pods, observed pods, scope ─▶ what to do with each pod, and why
//	NextOf    one pod, its status, the time      ─▶ what its containers need now, and when to look again
//	judged    a container, what its probes say   ─▶ its Life: started, ready, doomed
//
// Executing is dumb: it takes the pod's lock, observes, decides anew and calls
// the engine's idempotent verbs. So several processes may act on one host at a
// time, and any of them may be killed at any instruction.
//
// Invariants:
//
//   - One worker per pod name makes all changes of that pod, under the engine's
//     lock of it. Events only wake a worker; what it sees when it looks is the truth.
//   - Containers are ended in one place (terminate.go), by the kubelet's order,
//     whoever asks and why. What is to be ended is recorded before: who is killed
//     in the middle leaves it to whoever looks next.
//   - Hooks run without the pod's lock, so that nobody waits for one to stop a pod.
//   - What a source could not read is unknown and never removed.
//   - A pod is taken down for a successor only when the successor's images are
//     there and the engine has checked it.
//   - A pass that changes nothing logs and writes nothing.
//
// Start reading at Plan, then Next, then Loop and Apply; of a pod's life at
// judged, then terminate.
package reconciler
