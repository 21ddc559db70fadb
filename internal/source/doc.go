// Package source names places in what people write and says what is wrong
// there: a position (file, line, column), a diagnostic with the field it is
// about, a collection of diagnostics that is an error, and "did you mean".
// Every room reports bad input through it, so that all of it reads alike and
// all problems of all files come at once.
package source
