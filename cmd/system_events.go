package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/engine"
	"berth/engine/spec"
)

// actFlags are those of podman events.
type actFlags struct {
	filters              []string
	format, since, until string
	stream, noTrunc      bool
}

func (a *app) systemEvents() *cobra.Command {
	var f actFlags
	cmd := &cobra.Command{
		Use:   "events [flags]",
		Short: "Tell what is done, as it is done",
		Long: `Tells what is done to containers, pods, images, volumes, networks and secrets, one line each, as podman events does:
from now on, or from --since on, until it is interrupted or --until has come. --stream=false tells what is known and
ends. It takes no supervisor: every command writes down what it does, on tmpfs, about the last half megabyte of it.

The health of a container is told when it turns. Infra containers are told of as their pods.`,
		Example: `  berth system events
  berth system events --since 10m --stream=false
  berth system events --filter type=container --filter event=died --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.runActs(ctx, cmd, e, &f) })
		},
	}
	f.register(cmd)
	return cmd
}

func (f *actFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.filters, "filter", "f", nil, "only what matches (`key=value`): "+orList(filter.Acts().Keys()))
	var keys []string
	for _, key := range filter.Acts().Keys() {
		keys = append(keys, key+"=")
	}
	mustComplete(cmd, "filter", cobra.FixedCompletions(keys, cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&f.format, "format", "", "print as json, a line each, or by a Go `template`")
	flags.BoolVar(&f.noTrunc, "no-trunc", true, "do not shorten IDs")
	flags.StringVar(&f.since, "since", "", "from this `time` on: a duration before now, RFC 3339, seconds since 1970")
	flags.BoolVar(&f.stream, "stream", true, "go on with what is done, after what is known")
	flags.StringVar(&f.until, "until", "", "up to this `time`; a duration counts from now")
}

// asked reports whether any of the flags was given. Together with kubectl's they
// are an error.
func (f *actFlags) asked(cmd *cobra.Command) (bool, error) {
	given := func(names ...string) string {
		for _, name := range names {
			if cmd.Flags().Changed(name) {
				return name
			}
		}
		return ""
	}
	podmans := given("filter", "format", "no-trunc", "since", "stream", "until")
	kubectls := given("namespace", "all-namespaces", "for", "types", "watch", "no-headers", "output")
	if podmans != "" && kubectls != "" {
		return false, usageError(cmd, "--%s lists as podman does, --%s as kubectl: use flags of one kind", podmans, kubectls)
	}
	return podmans != "", nil
}

// actRow is an act by podman's names.
type actRow struct {
	ContainerExitCode   *int   `json:",omitempty"`
	ID                  string `json:",omitempty"`
	Image               string `json:",omitempty"`
	Name                string `json:",omitempty"`
	Network             string `json:"network,omitempty"`
	Status              string
	Time                int64 `json:"time,omitempty"` // seconds since 1970
	TimeNano            int64 `json:"timeNano,omitempty"`
	Type                string
	HealthStatus        string `json:"health_status,omitempty"`
	HealthFailingStreak int    `json:"health_failing_streak,omitempty"`
	HealthLog           string `json:"health_log,omitempty"` // the check's result, where --health-log-destination sends it here
	Error               string `json:",omitempty"`
	PodID               string `json:",omitempty"`
	Attributes          map[string]string

	at time.Time
}

func newActRow(a spec.Act) actRow {
	return actRow{
		ContainerExitCode: a.ExitCode, ID: a.ID, Image: a.Image, Name: a.Name, Network: a.Network, Status: a.Status,
		Time: a.Time.Unix(), TimeNano: a.Time.UnixNano(), Type: string(a.Type), HealthStatus: string(a.Health), HealthFailingStreak: a.Failing, HealthLog: a.Check, Error: a.Error,
		PodID: string(a.Pod), Attributes: a.Attributes, at: a.Time.Local(),
	}
}

// ToHumanReadable is the row as podman's line.
func (r actRow) ToHumanReadable(truncate bool) string {
	id := r.ID
	if truncate {
		id = id[:min(len(id), 12)]
	}
	head := fmt.Sprintf("%s %s %s", r.at, r.Type, r.Status)
	switch spec.ActType(r.Type) {
	case spec.ActImage:
		return strings.TrimRight(fmt.Sprintf("%s %s %s %s", head, id, r.Name, r.Error), " ")
	case spec.ActVolume:
		return head + " " + r.Name
	case spec.ActSecret:
		return head + " " + id
	case spec.ActNetwork:
		if driver, ok := r.Attributes["driver"]; ok {
			return fmt.Sprintf("%s %s (name=%s, type=%s)", head, id, r.Network, driver)
		}
		return fmt.Sprintf("%s %s (container=%s, name=%s)", head, id, id, r.Network)
	}
	more := []string{"image=" + r.Image, "name=" + r.Name}
	if r.PodID != "" {
		more = append(more, "pod_id="+r.PodID)
	}
	if r.HealthStatus != "" {
		more = append(more, "health_status="+r.HealthStatus, fmt.Sprintf("health_failing_streak=%d", r.HealthFailingStreak), "health_log="+r.HealthLog)
	}
	for _, key := range slices.Sorted(maps.Keys(r.Attributes)) {
		more = append(more, key+"="+r.Attributes[key])
	}
	return fmt.Sprintf("%s %s (%s)", head, id, strings.Join(more, ", "))
}

// window is from when to when acts are told, and whether those to come are.
type window struct {
	since, until time.Time
	follow       bool
}

func (f *actFlags) window(now time.Time) (w window, err error) {
	w.follow = f.stream
	switch {
	case f.since != "":
		if w.since, err = filter.ParseTime(now, f.since); err != nil {
			return w, fmt.Errorf("--since: %w", err)
		}
	case f.stream && f.until == "":
		w.since = now
	}
	if f.until == "" {
		return w, nil
	}
	if d, failed := time.ParseDuration(f.until); failed == nil {
		w.until = now.Add(d)
	} else if w.until, err = filter.ParseTime(now, f.until); err != nil {
		return w, fmt.Errorf("--until: %w", err)
	}
	w.follow = w.follow && w.until.After(now)
	return w, nil
}

func (w *window) holds(t time.Time) bool {
	return !t.Before(w.since) && (w.until.IsZero() || !t.After(w.until))
}

func (a *app) runActs(ctx context.Context, cmd *cobra.Command, e *engine.Engine, f *actFlags) error {
	within, err := f.window(a.now())
	if err != nil {
		return usageError(cmd, "%w", err)
	}
	matchers := filter.Acts()
	set, err := parseFilters(f.filters, matchers)
	if err != nil {
		return err
	}
	// What no act would show is wrong all the same.
	if _, err := filter.Apply([]spec.Act{{}}, filter.Set{"type": set["type"]}, matchers); len(set["type"]) > 0 && err != nil {
		return err
	}
	limited := ctx
	if within.follow && !within.until.IsZero() {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, within.until)
		defer cancel()
	}
	err = e.Acts(limited, within.follow, func(act spec.Act) error {
		if !within.holds(act.Time) {
			return nil
		}
		kept, err := filter.Apply([]spec.Act{act}, set, matchers)
		if err != nil || len(kept) == 0 {
			return err
		}
		return a.printAct(newActRow(act), f)
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

func (a *app) printAct(row actRow, f *actFlags) error {
	format := output.ParseFormat(f.format)
	switch {
	case format.IsJSON():
		return json.NewEncoder(a.out).Encode(row)
	case format.Given():
		return output.Print(a.out, output.List{Format: format, NoHeading: true}, []actRow{row}, []actRow{row})
	}
	_, err := fmt.Fprintln(a.out, output.Printable(row.ToHumanReadable(!f.noTrunc)))
	return err
}
