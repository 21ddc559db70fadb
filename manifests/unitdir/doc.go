// Package unitdir reads the folders Quadlet unit files lie in.
//
// Path says which folders those are, in order of precedence: a file hides those
// of its name in later folders. Read walks them, follows links to folders, finds
// each file's drop-ins, and hands over values package quadlet converts.
//
// What cannot be read is a problem of that file alone: a link to nothing, a
// loop, a file that is too big or disappears while it is read. A file that is a
// link to /dev/null is masked, as systemd's units are: it hides others and is
// none itself.
package unitdir
