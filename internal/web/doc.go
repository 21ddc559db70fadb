// Package web reads what http and https URLs name, in bounded time and of bounded
// size, and says of a URL only what anybody may know: no user, no password, no
// query.
//
// Start at Open and Shown.
package web
