package cmd

import (
	"context"
	"fmt"
	"strings"

	"berth/cmd/terminal"
)

// confirm warns and asks; anything but yes is no. Where nobody can answer, it
// does not ask twice: no answer is no. An error is that ctx ended.
func (a *app) confirm(ctx context.Context, warning string) (bool, error) {
	fmt.Fprintf(a.out, "WARNING! %s\nAre you sure you want to continue? [y/N] ", warning)
	line, _ := terminal.ReadLine(ctx, a.in) // an error is no answer
	answer := strings.ToLower(strings.TrimSpace(line))
	if answer == "y" || answer == "yes" {
		return true, nil
	}
	fmt.Fprintln(a.out)
	return false, ctx.Err()
}
