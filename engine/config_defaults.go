package engine

import (
	"fmt"
	"slices"
)

// defaults is a table of containers.conf(5), such as [containers], as it comes out of
// all files: the words of each key, one of a simple value, any number of a list.
type defaults struct {
	words     map[string][]string
	appending map[string]bool // lists that later files add to
}

// add reads one file's table over those before. A list takes the place of the
// former one, or with an item {append=true} goes on where that ends, as do later
// files' lists until one has {append=false}.
func (d *defaults) add(name string, table map[string]any) error {
	if d.words == nil {
		d.words, d.appending = map[string][]string{}, map[string]bool{}
	}
	for key, value := range table {
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		words := []string{}
		for _, item := range list {
			switch v := item.(type) {
			case string, bool, int64, float64:
				words = append(words, fmt.Sprint(v))
			case map[string]any:
				on, ok := v["append"].(bool)
				if !ok || !isList {
					return fmt.Errorf("[%s] %s: a table is no value of it", name, key)
				}
				d.appending[key] = on
			default:
				return fmt.Errorf("[%s] %s: %v is neither a text, a number nor true or false", name, key, v)
			}
		}
		switch {
		case d.appending[key]:
			words = append(slices.Clone(d.words[key]), words...)
		case !isList && words[0] == "": // as if it were not there
			delete(d.words, key)
			continue
		}
		d.words[key] = words
	}
	return nil
}

// ContainerDefaults is what containers.conf says of containers, by its keys: one
// word of a simple value, any number of a list. A simple value that is empty is
// left out.
func (e *Engine) ContainerDefaults() map[string][]string { return e.conf.defaults.words }
