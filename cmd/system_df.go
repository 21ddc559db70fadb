//lint:file-ignore ST1003 templates name what they show as in podman

package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/image"
	"berth/engine/spec"
)

func (a *app) systemDf() *cobra.Command {
	var l listing
	var verbose bool
	cmd := &cobra.Command{
		Use:   "df [flags]",
		Short: "Show what images, containers and volumes take on disk",
		Long: `Prints how many images, containers and volumes there are, how many are in use, what they take on disk
and what could be had back. With --verbose, each of them.`,
		Example: "  berth system df\n  berth system df --verbose\n  berth system df --format \"{{.Type}} {{.Size}}\"",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if verbose && l.format != "" {
				return usageError(cmd, "--format and --verbose cannot be used together")
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				u, err := e.Usage(ctx)
				if err != nil {
					return err
				}
				if verbose {
					return a.printUsage(u)
				}
				rows := usageRows(u)
				return output.Print(a.out, l.list("{{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}", nil), rows, rows)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.format, "format", "", "print as json, or by a Go `template`")
	f.BoolVarP(&verbose, "verbose", "v", false, "show each image, container and volume")
	return cmd
}

// usageRow is one line of system df, in podman's words.
type usageRow struct {
	Type           string `json:"Type"`
	Total          int    `json:"Total"`
	Active         int    `json:"Active"`
	RawSize        int64  `json:"RawSize"`        // bytes
	RawReclaimable int64  `json:"RawReclaimable"` // bytes
	TotalCount     int    `json:"TotalCount"`
	Size           string `json:"Size"`
	Reclaimable    string `json:"Reclaimable"`
}

func usageRows(u engine.Usage) []usageRow {
	images := usageRow{Type: "Images", RawSize: u.ImagesSize, RawReclaimable: u.ImagesSpare}
	for _, m := range u.Images {
		images.count(len(m.Containers) > 0)
	}
	containers, volumes := usageRow{Type: "Containers"}, usageRow{Type: "Local Volumes"}
	for _, c := range u.Containers {
		containers.add(c.Size, c.Status.Running())
	}
	for _, v := range u.Volumes {
		volumes.add(v.Size, len(v.Users) > 0)
	}
	rows := []usageRow{images, containers, volumes}
	for i := range rows {
		r := &rows[i]
		r.Size = output.TightSize(r.RawSize)
		r.Reclaimable = fmt.Sprintf("%s (%d%%)", output.TightSize(r.RawReclaimable), output.Percent(r.RawReclaimable, r.RawSize))
	}
	return rows
}

func (r *usageRow) count(active bool) {
	r.Total++
	r.TotalCount++
	if active {
		r.Active++
	}
}

// add counts something that can be had back as a whole where it is not active.
func (r *usageRow) add(size int64, active bool) {
	r.count(active)
	r.RawSize += size
	if !active {
		r.RawReclaimable += size
	}
}

// The rows of system df --verbose, with podman's columns.
type (
	imageUsageRow struct {
		Repository, Tag, ImageID, Created, Size, SharedSize, UniqueSize string
		Containers                                                      int
	}
	containerUsageRow struct {
		ContainerID, Image, Command  string
		LocalVolumes                 int
		Size, Created, Status, Names string
	}
	volumeUsageRow struct {
		VolumeName string
		Links      int
		Size       string
	}
)

func (a *app) printUsage(u engine.Usage) error {
	fmt.Fprint(a.out, "Images space usage:\n\n")
	images := a.imageUsageRows(u.Images)
	err := output.Print(a.out, output.List{
		Table: "{{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
	}, images, images)
	if err != nil {
		return err
	}
	fmt.Fprint(a.out, "\nContainers space usage:\n\n")
	containers := a.containerUsageRows(u.Containers)
	err = output.Print(a.out, output.List{
		Table: "{{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.Created}}\t{{.Status}}\t{{.Names}}",
	}, containers, containers)
	if err != nil {
		return err
	}
	fmt.Fprint(a.out, "\nLocal Volumes space usage:\n\n")
	volumes := make([]volumeUsageRow, len(u.Volumes))
	for i, v := range u.Volumes {
		volumes[i] = volumeUsageRow{v.Name, len(v.Users), output.TightSize(v.Size)}
	}
	return output.Print(a.out, output.List{Table: "{{.VolumeName}}\t{{.Links}}\t{{.Size}}"}, volumes, volumes)
}

// imageUsageRows has a row for each name of an image, as images does.
func (a *app) imageUsageRows(list []image.Usage) []imageUsageRow {
	entries := make([]image.Entry, len(list))
	sizes := map[string]image.Usage{}
	for i, m := range list {
		entries[i], sizes[m.ID] = m.Entry, m
	}
	var rows []imageUsageRow
	for _, r := range report.ImageRows(a.now(), report.Images(entries), false) {
		m := sizes[r.Image.ID]
		rows = append(rows, imageUsageRow{
			Repository: r.Repository, Tag: r.Tag, ImageID: r.ID(), Created: output.Duration(a.now().Sub(m.Created)),
			Size: output.TightSize(m.Size), SharedSize: output.TightSize(m.Shared), UniqueSize: output.TightSize(m.Unique),
			Containers: len(m.Containers),
		})
	}
	return rows
}

func (a *app) containerUsageRows(list []engine.ContainerUsage) []containerUsageRow {
	rows := make([]containerUsageRow, len(list))
	for i, c := range list {
		rows[i] = containerUsageRow{
			ContainerID: c.Status.ID.Short(), Image: c.Status.Image, Command: output.Elide(strings.Join(c.Status.Command, " "), 17),
			LocalVolumes: namedVolumes(c), Size: output.TightSize(c.Size), Created: output.Duration(a.now().Sub(c.Status.CreatedAt)),
			Status: string(c.Status.State), Names: c.Pod.ContainerName(c.Status.Name),
		}
	}
	return rows
}

// namedVolumes is how many named volumes a container mounts.
func namedVolumes(c engine.ContainerUsage) int {
	container, ok := c.Pod.Container(c.Status.Name)
	if !ok {
		return 0
	}
	count := 0
	for _, v := range c.Pod.Volumes {
		if v.Named != nil && slices.ContainsFunc(container.Mounts, func(m spec.Mount) bool { return m.Volume == v.Name }) {
			count++
		}
	}
	return count
}
