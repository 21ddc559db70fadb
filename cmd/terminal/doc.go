// Package terminal is what commands need of the terminal they run on: raw mode
// that is always given back, answers and passwords typed at it, window sizes as they
// change, and colours for the names of containers. It knows nothing of containers.
package terminal
