package unit

import (
	"slices"

	"berth/quadlet"
)

// relationKeys are the keys of [Unit] that name other units and are followed.
func relationKeys() []string {
	return []string{"After", "Before", "Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds", "OnFailure", "OnSuccess",
		"Conflicts", "PropagatesStopTo", "StopPropagatedFrom", "PropagatesReloadTo", "ReloadPropagatedFrom"}
}

// harmlessUnit are keys of [Unit] that change nothing of what runs.
func harmlessUnit() []string {
	return []string{
		"Description", "Documentation", "SourcePath", "RequiresMountsFor", "WantsMountsFor", "DefaultDependencies",
		"AllowIsolate", "IgnoreOnIsolate", "CollectMode",
	}
}

// actionKeys are keys of [Unit] that may have the host go down, and of which none is
// all there is here.
func actionKeys() []string {
	return []string{"StartLimitAction", "FailureAction", "SuccessAction", "JobTimeoutAction"}
}

// harmlessService are keys of [Service] that are about systemd's own doing: its journal,
// and its signals, which come when ExecStop= of a Quadlet's service has ended the
// container.
func harmlessService() []string {
	return []string{
		"KillSignal", "RestartKillSignal", "SendSIGKILL", "SendSIGHUP", "WatchdogSignal", "TimeoutAbortSec", "LogRateLimitIntervalSec", "LogRateLimitBurst",
		"NotifyAccess", "SyslogIdentifier", "SyslogFacility", "SyslogLevel", "SyslogLevelPrefix", "StandardOutput", "StandardError",
		"Delegate", "PIDFile", "GuessMainPID", "TimeoutStartFailureMode", "TimeoutStopFailureMode", "FinalKillSignal", "ExitType",
	}
}

// instead is what a unit file can say in place of what only systemd does for
// services.
func instead() map[string]string {
	limits := "write it in [Container]"
	return map[string]string{
		"MemoryMax": "Memory= in [Container] limits memory", "CPUQuota": "PodmanArgs=--cpus=… in [Container] limits CPU", "TasksMax": "PidsLimit= in [Container] limits processes",
		"LimitNOFILE": "Ulimit= in [Container] sets it", "LimitNPROC": "Ulimit= in [Container] sets it", "LimitCORE": "Ulimit= in [Container] sets it",
		"User": "User= in [Container] says who the container's program is", "Group": "Group= in [Container] says so", "OOMScoreAdjust": "PodmanArgs=--oom-score-adj=… in [Container] sets it",
		"WatchdogSec": "HealthCmd= with HealthOnFailure= in [Container] watches it", "ReadOnlyPaths": limits, "Slice": "PodmanArgs=--cgroup-parent=… in [Container] puts it there",
		"ExecStart": "the unit's own section says what runs", "ExecReload": "ReloadCmd= or ReloadSignal= in [Container] say how it is reloaded",
	}
}

// refuse is for a line that only systemd can honour.
func (r *reader) refuse(l quadlet.Line, section string) {
	hint := instead()[l.Key]
	if hint != "" {
		hint = ": " + hint
	}
	r.fail(l.Pos, "%s= in [%s] is systemd's to honour, and there is none%s", l.Key, section, hint)
}

// reached reports whether a boot without systemd counts a target as reached.
func reached(target string) bool {
	return slices.Contains([]string{
		"default.target", "multi-user.target", "graphical.target", "basic.target", "sysinit.target", "local-fs.target", "remote-fs.target",
		"network.target", "network-online.target", "network-pre.target", "nss-lookup.target", "nss-user-lookup.target", "time-sync.target", "time-set.target",
		"sockets.target", "timers.target", "paths.target", "slices.target", "swap.target", "getty.target", "boot-complete.target",
	}, target)
}
