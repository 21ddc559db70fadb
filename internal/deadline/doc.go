// Package deadline is a deadline that may be moved nearer while it is waited
// for, and never away. A context of the standard library keeps the one it was
// made with.
package deadline
