// Package holder tells who holds a lock that somebody waits for. Locks here are
// flock(2)'s on files, which helpers inherit: one whose caller was killed may
// hang and hold it for ever, and only a person can end it.
//
// Start at Teller.While.
package holder
