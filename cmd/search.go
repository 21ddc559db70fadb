package cmd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine"
	"berth/engine/image"
)

// foundRow is an image that was found, as templates and JSON have it.
type foundRow struct {
	Index       string `json:"Index"`
	Name        string `json:"Name"`
	Description string `json:"Description"`
	Stars       int    `json:"Stars"`
	Official    string `json:"Official"`
	Automated   string `json:"Automated"`
	Tag         string `json:"Tag"`
}

// foundTags are the tags of an image, as JSON has them.
type foundTags struct {
	Name string   `json:"Name"`
	Tags []string `json:"Tags"`
}

type searchFlags struct {
	registryFlags
	limit                int
	tags, noTrunc, wide  bool
	format               string
	filters              []string
	stars                int
	official, automation *bool
}

func (a *app) search() *cobra.Command      { return a.newSearch("berth search") }
func (a *app) imageSearch() *cobra.Command { return a.newSearch("berth image search") }

func (a *app) newSearch(command string) *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search [flags] TERM",
		Short: "Look for images at registries",
		Long: `Lists images whose name or description has a term: at the registry that the term begins with, or else at all that
registries.conf lists for names without one. Not every registry can be searched. With --list-tags the term is an
image's name, and its tags are listed.

Filters are stars (at least so many), is-official and is-automated.`,
		Example: fmt.Sprintf("  %[1]s nginx\n  %[1]s --limit 5 --filter is-official=true docker.io/nginx\n  %[1]s --list-tags quay.io/podman/hello", command),
		Args:    exactArgs(1, "what to look for"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return usageError(cmd, "%w", err)
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if f.tags {
					return a.listTags(ctx, cmd, e, &f, args[0])
				}
				return a.searchImages(ctx, cmd, e, &f, args[0])
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	f.registerAccess(flags)
	flags.StringArrayVarP(&f.filters, "filter", "f", nil, "list only what matches (`key=value`)")
	flags.StringVar(&f.format, "format", "", "print as json, or by a Go `template`")
	flags.IntVar(&f.limit, "limit", 25, "list at most so many of each registry (`number`)")
	flags.BoolVar(&f.tags, "list-tags", false, "list the tags of an image")
	flags.BoolVar(&f.noTrunc, "no-trunc", false, "do not shorten descriptions")
	flags.BoolVar(&f.wide, "compatible", false, "also show stars, and which are official")
	return cmd
}

func (f *searchFlags) check() error {
	if f.limit < 1 || f.limit > 1000 {
		return fmt.Errorf("--limit %d: want 1 to 1000", f.limit)
	}
	for _, text := range f.filters {
		key, value, given := strings.Cut(text, "=")
		is := !given
		var err error
		if given && key != "stars" {
			is, err = strconv.ParseBool(value)
		}
		switch key {
		case "stars":
			f.stars, err = strconv.Atoi(value)
		case "is-official":
			f.official = &is
		case "is-automated":
			f.automation = &is
		default:
			return fmt.Errorf("--filter %q: want stars, is-official or is-automated", text)
		}
		if err != nil {
			return fmt.Errorf("--filter %q: %w", text, err)
		}
	}
	return nil
}

func (f *searchFlags) keeps(i image.Found) bool {
	return i.Stars >= f.stars && (f.official == nil || *f.official == i.Official) && (f.automation == nil || *f.automation == i.Automated)
}

func (a *app) searchImages(ctx context.Context, cmd *cobra.Command, e *engine.Engine, f *searchFlags, term string) error {
	found, err := e.Images().Search(ctx, term, f.limit, f.options(cmd.Flags()))
	if err != nil && len(found) == 0 {
		return err
	}
	if err != nil { // one registry of several
		a.warn("%v", err)
	}
	mark := map[bool]string{true: "[OK]"}
	var rows []foundRow
	for _, i := range slices.DeleteFunc(found, func(i image.Found) bool { return !f.keeps(i) }) {
		description := strings.Join(strings.Fields(i.Description), " ")
		if !f.noTrunc {
			description = output.Elide(description, 44)
		}
		rows = append(rows, foundRow{Index: i.Registry, Name: i.Name, Description: description, Stars: i.Stars, Official: mark[i.Official], Automated: mark[i.Automated]})
	}
	table := "{{.Name}}\t{{.Description}}"
	if f.wide {
		table = "{{.Index}}\t{{.Name}}\t{{.Description}}\t{{.Stars}}\t{{.Official}}\t{{.Automated}}"
	}
	return output.Print(a.out, output.List{Table: table, Format: output.ParseFormat(f.format)}, rows, rows)
}

func (a *app) listTags(ctx context.Context, cmd *cobra.Command, e *engine.Engine, f *searchFlags, name string) error {
	full, err := e.Images().RemoteTags(ctx, name, f.options(cmd.Flags()))
	if err != nil {
		return err
	}
	full = full[:min(len(full), f.limit)]
	data, rows := []foundTags{}, []foundRow{}
	for _, one := range full {
		at := strings.LastIndexByte(one, ':')
		rows = append(rows, foundRow{Name: one[:at], Tag: one[at+1:]})
		if len(data) == 0 {
			data = append(data, foundTags{Name: one[:at]})
		}
		data[0].Tags = append(data[0].Tags, one[at+1:])
	}
	l := output.List{Table: "{{.Name}}\t{{.Tag}}", Format: output.ParseFormat(f.format)}
	if l.Format.IsJSON() {
		return output.JSON(a.out, data)
	}
	return output.Print(a.out, l, rows, rows)
}
