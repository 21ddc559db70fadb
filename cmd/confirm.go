package cmd

import (
	"context"
	"fmt"
	"strings"

	"berth/cmd/terminal"
)

// confirm warns and asks; anything but yes is no. An error is that nobody answered, or
// that ctx ended.
func (a *app) confirm(ctx context.Context, warning string) (bool, error) {
	fmt.Fprintf(a.out, "WARNING! %s\nAre you sure you want to continue? [y/N] ", warning)
	line, unanswered := terminal.ReadLine(ctx, a.in)
	answer := strings.ToLower(strings.TrimSpace(line))
	if answer == "y" || answer == "yes" {
		return true, nil
	}
	fmt.Fprintln(a.out)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case unanswered != nil:
		return false, fmt.Errorf("nobody answers, and nothing was removed: use --force (%w)", unanswered)
	}
	return false, nil
}
