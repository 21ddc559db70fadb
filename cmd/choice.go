package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/source"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

func newChoice(value *string, preset string, words []string) *choice {
	*value = preset
	return &choice{value, words}
}

// Set takes a word.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("want one of %s%s", strings.Join(c.words, ", "), source.DidYouMean(s, c.words))
	}
	*c.value = s
	return nil
}

// String is the present word.
func (c *choice) String() string { return *c.value }

// Type names the flag's value in help.
func (c *choice) Type() string { return "word" }

// orList is "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// complete offers words as values of a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	mustComplete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// mustComplete registers a completion; it fails only where the flag does not
// exist, which the test that walks the tree would see.
func mustComplete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}
