// Package archtest holds the rules of who may import what, each with its
// reason, and the tests that enforce them: on our own packages, on packages of
// others that belong to one room, on the layout, and on the length of functions.
//
// A rule is data (rules.go): to change one is to change the architecture, so
// change ARCHITECTURE.md with it and say why. The checks read source files only;
// nothing is compiled.
package archtest
