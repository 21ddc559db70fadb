package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/engine/volume"
)

type volumeCreateFlags struct {
	driver          string
	labels, options []string
	uid, gid        int
	ignore          bool
}

func (a *app) volumeCreate() *cobra.Command {
	var f volumeCreateFlags
	cmd := &cobra.Command{
		Use:   "create [flags] [NAME]",
		Short: "Make a volume",
		Long: `Makes a volume and prints its name; without a name, a random one.

The driver local keeps the data in a folder of its own, or on what the options device, type and o say, as
mount(8) takes them. The driver image keeps it in a writable layer on top of the image of the option image.

--uid and --gid, or the words uid=N and gid=N of the option o, own the folder; what is mounted is given them as
options of the mount. A folder has no limit: the words size and inodes are for what is mounted.`,
		Example: `  berth volume create data
  berth volume create --uid 1000 --label app=web data
  berth volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=100m scratch
  berth volume create --driver image --opt image=localhost/site site`,
		Args: maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := f.volume(cmd, args)
			if err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				_, err := e.CreateVolume(ctx, v)
				if err != nil && !(f.ignore && errors.Is(err, spec.ErrExists)) {
					return err
				}
				fmt.Fprintln(a.out, v.Name)
				return nil
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.driver, "driver", "d", volume.DriverLocal, "`driver` of the volume: "+orList(volume.Drivers()))
	complete(cmd, "driver", volume.Drivers()...)
	flags.StringArrayVarP(&f.labels, "label", "l", nil, "label of the volume (`key=value`)")
	flags.StringArrayVarP(&f.options, "opt", "o", nil, "option of the driver (`key=value`): device, type, o; image")
	flags.IntVar(&f.uid, "uid", 0, "`ID` of the user who owns the data")
	flags.IntVar(&f.gid, "gid", 0, "`ID` of the group that owns the data")
	flags.BoolVar(&f.ignore, "ignore", false, "leave a volume that is there already as it is, and print its name")
	return cmd
}

// volume is what the flags describe.
func (f *volumeCreateFlags) volume(cmd *cobra.Command, args []string) (volume.Volume, error) {
	v := volume.Volume{Name: string(spec.NewContainerID()), Driver: f.driver}
	if len(args) > 0 {
		v.Name = args[0]
	}
	var err error
	if v.Labels, err = keyValues("label", f.labels); err != nil {
		return v, err
	}
	if v.Options, err = keyValues("opt", f.options); err != nil {
		return v, err
	}
	for key, id := range map[string]int{"uid": f.uid, "gid": f.gid} {
		if !cmd.Flags().Changed(key) {
			continue
		}
		if f.driver == volume.DriverImage {
			return v, fmt.Errorf("--%s: what an image holds has its own owners", key)
		}
		v.Options[key] = strconv.Itoa(id)
	}
	return v, nil
}

// keyValues reads repeated key=value flags; a key alone has an empty value.
func keyValues(flag string, list []string) (map[string]string, error) {
	m := map[string]string{}
	for _, item := range list {
		key, value, _ := strings.Cut(item, "=")
		if key == "" {
			return nil, fmt.Errorf("--%s %q: want key=value", flag, item)
		}
		m[key] = value
	}
	return m, nil
}
