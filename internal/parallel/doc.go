// Package parallel does many small things side by side: records read, documents
// decoded, pods looked at.
//
// An errgroup with a limit makes a goroutine of each. A goroutine begins with a
// small stack, and for hundreds to grow theirs, by copying, costs as much as the
// files they read; here a few goroutines do one thing after another. What waits
// for long, or can fail for all, is better off with an errgroup.
package parallel
