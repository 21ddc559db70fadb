package pause

import (
	"bytes"
	"debug/elf"
	"testing"
)

func TestBinaryIsASmallStaticProgram(t *testing.T) {
	program, ok := Binary()
	if !ok {
		t.Skip("no embedded program for this architecture")
	}
	if len(program) > 20<<10 {
		t.Errorf("%d bytes, want at most 20 KiB", len(program))
	}
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	for _, prog := range file.Progs {
		if prog.Type == elf.PT_INTERP {
			t.Error("it needs a dynamic loader")
		}
	}
}
