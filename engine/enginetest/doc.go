// Package enginetest says what every engine must do and offers one that does
// it in memory.
//
// Conformance is a suite of behaviours. It runs against the fake in unit tests
// and, as root on a test host, against the real engine; so what the reconciler
// learns on the fake is true of the real one.
//
// Fake keeps pods in memory: states, errors and times as the real engine has
// them, without a process. It runs a tiny part of the shell (program.go) that
// busybox runs alike. Calls can be made to fail, before or after their work,
// and containers to end at will. It uses the time package alone, so it lives in
// a testing/synctest bubble as well as outside.
//
// Not here: anything below the engine's verbs (layers, mounts, rules); those
// are tested where they are made.
//
// Start reading at Engine, then Conformance.
package enginetest
