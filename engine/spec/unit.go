package spec

import "time"

// UnitState is what is remembered of a Quadlet unit that runs without systemd. It
// goes with a reboot, as systemd's own knowledge does.
//
//	             ┌──────────── it ended, Restart= ───────────┐
//	             ▼                                           │
//	inactive ─▶ starting ─▶ waiting ─▶ active ─▶ stopping ─▶ restarting
//	   ▲                                            │
//	   └─────────────── failed ◀────────────────────┘
type UnitState struct {
	Name  string `json:"name"`  // its service's: "web.service"
	File  string `json:"file"`  // the unit file, absolute
	Owner Owner  `json:"owner"` // the folder it lies in
	Hash  string `json:"hash"`  // of the unit that was started last; empty: none was

	After []string `json:"after,omitempty"` // the units it was started after: they are stopped after it

	Phase   UnitPhase  `json:"phase"`
	Job     UnitJob    `json:"job,omitempty"` // what is still to be done with it
	Result  UnitResult `json:"result,omitempty"`
	Message string     `json:"message,omitempty"`
	Since   time.Time  `json:"since,omitzero"`   // of the phase
	Begun   time.Time  `json:"begun,omitzero"`   // when its present start began
	RetryAt time.Time  `json:"retryAt,omitzero"` // while restarting: when it is started again

	ExitCode int         `json:"exitCode,omitempty"` // of its last process that ended
	Restarts int         `json:"restarts,omitempty"` // since it was started, by Restart=
	Starts   []time.Time `json:"starts,omitempty"`   // those that StartLimitBurst= counts
	Then     UnitPhase   `json:"then,omitempty"`     // while stopping: what comes after
	ByHand   bool        `json:"byHand,omitempty"`   // a person stopped it
	Exited   bool        `json:"exited,omitempty"`   // it is up although its process has ended: RemainAfterExit=

	Resource string `json:"resource,omitempty"` // the name of what it made
}

// UnitPhase is where a unit stands, in systemd's words where it has one.
type UnitPhase string

// The phases of a unit. Starting makes what the unit describes; waiting lasts
// until that says it is up, or with Type=oneshot has ended.
const (
	UnitInactive   UnitPhase = "inactive"
	UnitStarting   UnitPhase = "starting"
	UnitWaiting    UnitPhase = "waiting"
	UnitActive     UnitPhase = "active"
	UnitStopping   UnitPhase = "stopping"
	UnitRestarting UnitPhase = "restarting"
	UnitFailed     UnitPhase = "failed"
)

// Down reports whether nothing of a unit runs, nor will by itself.
func (p UnitPhase) Down() bool { return p == "" || p == UnitInactive || p == UnitFailed }

// UnitJob is what is to be done with a unit as soon as others let it.
type UnitJob string

// The jobs. Replace is a restart for another definition, which is made ready
// before what runs is stopped.
const (
	UnitStart   UnitJob = "start"
	UnitStop    UnitJob = "stop"
	UnitRestart UnitJob = "restart"
	UnitReplace UnitJob = "replace"
)

// UnitResult is how a unit's last start or run came out, in systemd's words.
type UnitResult string

// The results of systemd.exec(5) and systemd.service(5) that there are here.
const (
	UnitSuccess    UnitResult = "success"
	UnitExitCode   UnitResult = "exit-code"
	UnitSignal     UnitResult = "signal" // its process was lost
	UnitTimeout    UnitResult = "timeout"
	UnitStartLimit UnitResult = "start-limit-hit"
	UnitCondition  UnitResult = "condition" // one of Condition… is not met: it is left out
	UnitAssert     UnitResult = "assert"
	UnitDependency UnitResult = "dependency"
)
