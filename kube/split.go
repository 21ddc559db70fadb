package kube

import (
	"bytes"
	"unicode/utf8"
)

// document is one document of a file and the number of lines before it.
type document struct {
	text  []byte
	lines int
}

// split cuts a file at its document markers (--- at the start of a line), so
// that a mistake in one document does not hide those in the others. Documents
// without any content are left out.
func split(data []byte) []document {
	if hasDirective(data) { // %YAML belongs to the marker after it
		return []document{{text: data}}
	}
	var docs []document
	start, startLine, line := 0, 0, 0
	content := false
	flush := func(end int) {
		if content {
			docs = append(docs, document{data[start:end], startLine})
		}
		start, startLine, content = end, line, false
	}
	for at := 0; at < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		text := data[at:end]
		if rest, ok := bytes.CutPrefix(text, []byte("---")); ok && (len(rest) == 0 || isSpace(rest[0])) {
			flush(at)
			text = rest
		}
		content = content || hasContent(text)
		at = end
	}
	flush(len(data))
	return docs
}

func hasDirective(data []byte) bool {
	return bytes.HasPrefix(data, []byte("%")) || bytes.Contains(data, []byte("\n%"))
}

// hasContent reports whether a line holds more than blanks, a comment or the
// end marker of a document.
func hasContent(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("..."))
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// body is the document without its marker, and the number of lines before it.
func (d document) body() document {
	rest, ok := bytes.CutPrefix(d.text, []byte("---"))
	if !ok {
		return d
	}
	trimmed := bytes.TrimLeft(rest, " \t\r\n")
	return document{trimmed, d.lines + bytes.Count(rest[:len(rest)-len(trimmed)], []byte("\n"))}
}

// checkText refuses what can be no text file: bytes that are not UTF-8, and
// control characters. It gives the line and column of the first.
func checkText(data []byte) (line, col int, problem string) {
	line, col = 1, 1
	for i := 0; i < len(data); {
		c := data[i]
		if c < utf8.RuneSelf {
			if c == 0 {
				return line, col, "a NUL byte: this is not a text file"
			}
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
				return line, col, "a control character: remove it, or write it as an escape in double quotes"
			}
			i++
			col++
			if c == '\n' {
				line, col = line+1, 1
			}
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return line, col, "not valid UTF-8: save the file as UTF-8"
		}
		i += size
		col++
	}
	return 0, 0, ""
}
