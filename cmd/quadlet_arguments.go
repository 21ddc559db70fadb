package cmd

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/internal/source"
	"berth/quadlet"
	"berth/translate/option"
)

// wrongArguments is what is wrong with the arguments that services call berth with,
// whatever host they are for.
func (a *app) wrongArguments(results []quadlet.Result) source.Diagnostics {
	sub := &app{build: a.build, in: strings.NewReader(""), out: io.Discard, err: io.Discard, now: a.now}
	root, host := sub.root(), hostSpecifiers()
	var wrong source.Diagnostics
	for _, r := range results {
		if r.Unit == nil {
			continue
		}
		specifiers := argumentSpecifiers(r.Unit, host)
		for _, c := range slices.Concat(r.Unit.Pre, r.Unit.Start) {
			args := make([]string, len(c.Args))
			for i, arg := range c.Args {
				args[i] = specifiers.Expand(arg)
			}
			err := checkArguments(root, args)
			if err == nil {
				continue
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.Contains(line, "$") { // what a variable stands for is known at the start
					wrong = append(wrong, source.Diagnostic{Pos: r.Unit.Place(line), Message: line})
				}
			}
		}
	}
	return wrong
}

// argumentSpecifiers are those of a unit's service; of a template's they are an
// instance's that may stand where a name or a number does.
func argumentSpecifiers(u *quadlet.Unit, host quadlet.Specifiers) quadlet.Specifiers {
	service := u.Service
	if template, is := strings.CutSuffix(service, "@.service"); is {
		service = template + "@1.service"
	}
	specifiers := quadlet.UnitSpecifiers(service)
	for letter, value := range host {
		if _, own := specifiers[letter]; !own {
			specifiers[letter] = value
		}
	}
	return specifiers
}

// checkArguments is what is wrong with the arguments of a command of ours. Reading
// flags ends at the first one whose value cannot be: that is left out then.
func checkArguments(root *cobra.Command, args []string) error {
	var wrong []error
	for {
		err := checkFlags(root, args)
		wrong = append(wrong, err)
		var value *pflag.InvalidValueError
		if !errors.As(err, &value) {
			return errors.Join(wrong...)
		}
		fewer := withoutFlag(args, value)
		if len(fewer) == len(args) {
			return errors.Join(wrong...)
		}
		args = fewer
	}
}

func checkFlags(root *cobra.Command, args []string) error {
	own := globalsOf(root, args)
	if err := root.ParseFlags(args[:own]); err != nil {
		return err
	}
	cmd, flags, err := root.Find(args[own:])
	if err != nil {
		return err
	}
	if err := option.CheckCommand(args[own:]); err != nil || cmd.DisableFlagParsing {
		return err
	}
	return cmd.ParseFlags(flags)
}

// withoutFlag leaves out a flag with the value it cannot have.
func withoutFlag(args []string, bad *pflag.InvalidValueError) []string {
	flag := "--" + bad.GetFlag().Name
	for i, arg := range args {
		switch {
		case arg == flag+"="+bad.GetValue():
			return slices.Concat(args[:i], args[i+1:])
		case arg == flag && i+1 < len(args) && args[i+1] == bad.GetValue():
			return slices.Concat(args[:i], args[i+2:])
		}
	}
	return args
}

// globalsOf is how many of the arguments stand before the command's name.
func globalsOf(root *cobra.Command, args []string) int {
	n := 0
	for n < len(args) && strings.HasPrefix(args[n], "-") {
		name, _, both := strings.Cut(strings.TrimLeft(args[n], "-"), "=")
		if f := root.PersistentFlags().Lookup(name); f != nil && !both && f.NoOptDefVal == "" {
			n++ // its value
		}
		n++
	}
	return min(n, len(args))
}
