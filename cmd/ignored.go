package cmd

import "github.com/spf13/pflag"

// ignored adds flags of podman's that ask for what is so anyway, or for nothing there
// is here; they are taken, so that command lines need no change. why ends the
// sentence "nothing: …".
func ignored(f *pflag.FlagSet, why string, names ...string) {
	for _, name := range names {
		f.Bool(name, false, "nothing: "+why)
		_ = f.MarkHidden(name)
	}
}
