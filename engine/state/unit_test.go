package state

import (
	"reflect"
	"testing"
	"time"

	"berth/engine/spec"
)

func TestUnitsAreKeptByName(t *testing.T) {
	s := store(t)
	if list, err := s.ListUnits(); err != nil || len(list) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	want := spec.UnitState{Name: "web@blue.service", File: "/m/web@.container", Owner: "folder:/m", Hash: "h", Phase: spec.UnitActive, Restarts: 2, Starts: []time.Time{time.Unix(1, 0).UTC()}}
	for _, u := range []spec.UnitState{{Name: want.Name}, want} {
		if err := s.SaveUnit(u); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := s.ListUnits(); err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		t.Errorf("%+v, %v", list, err)
	}
	for range 2 {
		if err := s.RemoveUnit(want.Name); err != nil {
			t.Error(err)
		}
	}
	if list, err := s.ListUnits(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
