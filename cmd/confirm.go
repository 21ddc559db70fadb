package cmd

import (
	"bufio"
	"fmt"
	"strings"
)

// confirm warns and asks; anything but yes is no. Where nobody can answer, it
// does not ask twice: no answer is no.
func (a *app) confirm(warning string) bool {
	fmt.Fprintf(a.out, "WARNING! %s\nAre you sure you want to continue? [y/N] ", warning)
	line, _ := bufio.NewReader(a.in).ReadString('\n') // an error is no answer
	answer := strings.ToLower(strings.TrimSpace(line))
	if answer == "y" || answer == "yes" {
		return true
	}
	fmt.Fprintln(a.out)
	return false
}
