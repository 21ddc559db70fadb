// Package filename gives files names after things whose own names may be longer
// than a file's: a Kubernetes name has up to 253 letters, its namespace 63 more.
package filename
