package cmd

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/output"
)

// versionReport is what `version --format` sees, in podman's words.
type versionReport struct {
	Client versionInfo `json:"Client"`
}

// Server is the client, as there is no other: podman's templates name it, too.
func (r versionReport) Server() versionInfo { return r.Client }

type versionInfo struct {
	Version    string `json:"Version"`
	APIVersion string `json:"APIVersion"`
	GoVersion  string `json:"GoVersion"`
	GitCommit  string `json:"GitCommit"`
	BuiltTime  string `json:"BuiltTime"`
	Built      int64  `json:"Built"`
	OsArch     string `json:"OsArch"`
	Os         string `json:"Os"`
}

func (a *app) version() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "version [flags]",
		Short:   "Show the version of berth",
		Long:    "Prints the version of berth and what it was built with.",
		Example: "  berth version\n  berth version --format \"{{.Client.Version}}\"",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := a.versionInfo()
			if format != "" {
				return output.Object(a.out, output.ParseFormat(format), versionReport{v})
			}
			w := tabwriter.NewWriter(a.out, 0, 2, 2, ' ', 0)
			fmt.Fprintf(w, "Version:\t%s\nGo Version:\t%s\n", v.Version, v.GoVersion)
			if v.GitCommit != "" {
				fmt.Fprintf(w, "Git Commit:\t%s\n", v.GitCommit)
			}
			if v.BuiltTime != "" {
				fmt.Fprintf(w, "Built:\t%s\n", v.BuiltTime)
			}
			fmt.Fprintf(w, "OS/Arch:\t%s\n", v.OsArch)
			return w.Flush()
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "print as json, or by a Go `template`")
	return cmd
}

func (a *app) versionInfo() versionInfo {
	v := versionInfo{
		Version: a.build.Version, APIVersion: a.build.Version, GoVersion: runtime.Version(), GitCommit: a.build.Commit,
		OsArch: runtime.GOOS + "/" + runtime.GOARCH, Os: runtime.GOOS,
	}
	if seconds, err := strconv.ParseInt(a.build.Date, 10, 64); err == nil {
		v.Built, v.BuiltTime = seconds, time.Unix(seconds, 0).UTC().Format(time.ANSIC)
	}
	if info, ok := debug.ReadBuildInfo(); ok && v.GitCommit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.GitCommit = s.Value
			}
		}
	}
	return v
}
