// Package journal remembers what was done on this host: one line of JSON for each
// spec.Act, in a file on tmpfs that every process of ours appends to.
//
// It is for people, who ask what happened; nothing is decided by it. So an act
// never fails because it cannot be written down, and a reboot forgets all.
//
// Invariants:
//
//   - Nothing is written but when something was done.
//   - A line is written by one call and is whole, or it is skipped.
//   - The file and the one before it are together no larger than 2 × mostFile.
//     Who finds that the file has become too long renames it; nobody waits for a
//     lock.
//   - Readers see each line once, in the order of writing, also across renames.
//
// Start reading at Journal.Add, then Journal.Read.
package journal
