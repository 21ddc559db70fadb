package cmd

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// ownGrace stands for the time a pod gives itself (terminationGracePeriodSeconds).
const ownGrace time.Duration = -1

// graceFlag is --time: seconds between the stop signal and SIGKILL.
type graceFlag struct{ value *time.Duration }

// Set reads seconds; -1 waits for ever.
func (g graceFlag) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < -1 {
		return fmt.Errorf("want a number of seconds")
	}
	*g.value = time.Duration(n) * time.Second
	if n < 0 {
		*g.value = 100 * 365 * 24 * time.Hour
	}
	return nil
}

// String is the present value in seconds, "" for the pod's own.
func (g graceFlag) String() string {
	if g.value == nil || *g.value == ownGrace {
		return ""
	}
	return strconv.Itoa(int(*g.value / time.Second))
}

// Type names the flag's value in help.
func (g graceFlag) Type() string { return "seconds" }

// addGrace adds -t/--time, preset to the pod's own time.
func addGrace(cmd *cobra.Command, grace *time.Duration) {
	*grace = ownGrace
	cmd.Flags().VarP(graceFlag{grace}, "time", "t", "`seconds` between the stop signal and SIGKILL (default: the pod's terminationGracePeriodSeconds)")
}
