// Package settings reads /etc/berth/berth.yaml, the supervisor's settings. The
// file is read strictly: an unknown key, a wrong type or a value out of range
// is an error with file, line and column, all of them at once. A file that is
// not there means the defaults; flags go over both, in the command that has
// them.
package settings
