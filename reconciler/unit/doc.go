// Package unit decides what systemd would do with Quadlet units, for hosts where
// berth serve runs them in its place.
//
//	quadlet.Unit ─▶ Service ─▶ Graph ─┐
//	                 what its lines    ├─▶ Decide ─▶ states, steps, when to look again
//	                 say to systemd    │
//	states, what is seen, the time ────┘
//
// It is pure: it starts nothing, reads no file and no clock. Whether a condition
// is met, it asks; what it decides, package reconciler carries out and reports as
// an Outcome.
//
// Invariants:
//
//   - What only systemd can do is refused by file and line, when a Graph is made. A
//     unit that is refused is as one that cannot be read.
//   - A unit is started when all it is After has come up or failed, and stopped when
//     all that are After it are down.
//   - A state says all there is to know: who is killed at any point goes on from it.
//   - A unit with a new definition is stopped only when that was made ready.
//
// Where it differs from systemd, it converges: a unit that was left out because
// what it requires had failed is started once that is up.
//
// Start reading at Service, then Decide.
package unit
