// Package tree handles folders in which others may have written or mounted
// something, and may go on doing so: containers, and people. It opens what lies in
// them, archives, unpacks and removes.
//
// Invariants: no symlink and no "..", in a folder or in an archive, leads out of the
// folder that was named. No device is opened or made. Nothing is removed that lies
// on a mount below the path: a bind mount that stayed behind shows somebody's data,
// not ours.
package tree
