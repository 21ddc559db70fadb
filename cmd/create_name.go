package cmd

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The words of made-up names: a quality, and something of ships and harbours.
const (
	nameQualities = `able agile amber ample apt azure blithe bold brave breezy bright brisk calm candid cheery clear clever
coastal cosy crisp curious daring deep deft eager early easy elated fair famous fast fine firm fleet fond frank free fresh gallant
gentle glad golden grand happy hardy hearty honest humble ideal jolly keen kind lively loyal lucid lucky mellow merry mighty
modest neat nimble noble polite proud quick quiet ready rested robust rosy serene sharp silent silver sincere smart
smooth snug sober solid sound speedy stable steady stoic stout sturdy sunny sure swift tidy tranquil trim trusty upbeat vivid
warm wise witty zesty`
	nameThings = `anchor astrolabe ballast barge barque basin beacon bell binnacle boatswain bollard boom bosun bow bowline
breaker breeze bridge brig bulwark buoy cable cabin canoe capstan captain caravel cargo catamaran channel clipper cockpit
compass coral cove coxswain crane crest current cutter davit deck dinghy dock dolphin dory driftwood estuary fathom ferry fjord
flag fleet fluke foresail fender frigate funnel galley gale gannet gangway gull gunwale halyard harbour hatch hawser haven helm
helmsman horizon hull inlet island jetty jib kayak keel ketch knot lagoon lantern lateen league ledger lifeboat lighthouse
lock locker log lugger mariner marina mast mizzen moor navigator oar osprey paddle pelican pennant pier pilot pinnace plank
porthole port puffin punt quay raft ratline reef regatta rigging rope rudder sail sailor schooner seal sextant shallop shanty
shoal shore skiff skipper sloop spar spinnaker stern steward stowaway surf swell tern tide tiller topsail trawler trident tug
voyage wake waterline wave wharf wheel winch windlass yacht yawl`
)

// madeUpName is a name in podman's manner, "quiet_harbour"; taken says that there
// is one of it already.
func madeUpName(taken func(string) bool) string {
	qualities, things := strings.Fields(nameQualities), strings.Fields(nameThings)
	for try := 0; ; try++ {
		name := qualities[rand.IntN(len(qualities))] + "_" + things[rand.IntN(len(things))]
		if try > 5 { // most are taken
			name = fmt.Sprintf("%s%d", name, rand.IntN(1000))
		}
		if !taken(name) {
			return name
		}
	}
}
