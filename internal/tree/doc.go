// Package tree removes folders in which others may have written or mounted
// something: containers, and people.
//
// Invariant: nothing is removed that lies on a mount below the path. A bind
// mount that stayed behind shows somebody's data, not ours.
package tree
