// Package testimage makes the images of the e2e scripts, without network: a
// busybox from the machine's static one, and nginx, postgres or redis from the
// Debian packages that `make deps` keeps in Cache.
//
// An image is a base, by name, and what a script wants different about it
// (Options). Start reading at Build.
package testimage
