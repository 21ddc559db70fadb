// Package atomicfile replaces files so that a reader, or a machine that lost
// power, sees the old content or the new, never a part of either.
package atomicfile
