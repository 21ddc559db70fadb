//lint:file-ignore ST1003 templates name the fields as podman does

package report

import (
	"fmt"
	"strconv"
	"time"

	"github.com/docker/go-units"

	"berth/cmd/output"
	"berth/engine/oci"
	"berth/engine/spec"
)

// Usage is what a container uses, as `stats` prints it.
type Usage struct {
	Pod    *spec.PodStatus
	Status spec.ContainerStatus
	Stats  oci.Stats
	At     time.Time
	Runs   bool // else nothing is known of it
	Full   bool // IDs whole

	// Before is what it used when it was looked at last: between the two lies
	// what CPU says. nil: since it began.
	Before *Usage
}

// none stands for what is not known of a container that does not run.
const none = "--"

// percent of what one CPU could have done in that time.
func percent(used, in time.Duration) float64 {
	if in <= 0 {
		return 0
	}
	return 100 * used.Seconds() / in.Seconds()
}

// cpu is how much of one CPU it took since it was looked at last.
func (u Usage) cpu() float64 {
	if b := u.Before; b != nil && b.Status.ID == u.Status.ID && b.Status.StartedAt.Equal(u.Status.StartedAt) {
		return percent(u.Stats.CPU-b.Stats.CPU, u.At.Sub(b.At))
	}
	return u.average()
}

// average is how much of one CPU it took since it began.
func (u Usage) average() float64 {
	if !u.Runs {
		return 0
	}
	return percent(u.Stats.CPU, u.At.Sub(u.Status.StartedAt))
}

func (u Usage) known(text string) string {
	if !u.Runs {
		return none
	}
	return text
}

func (u Usage) pair(a, b int64, size func(int64) string) string {
	if !u.Runs {
		return none + " / " + none
	}
	return size(a) + " / " + size(b)
}

func (u Usage) percents(f float64) string {
	return u.known(strconv.FormatFloat(f, 'f', 2, 64) + "%")
}

func (u Usage) name() string {
	if u.Status.ID == u.Pod.Infra.ID {
		return u.Pod.Pod.InfraName()
	}
	return u.Pod.Pod.ContainerName(u.Status.Name)
}

func (u Usage) memory() float64 {
	if u.Stats.MemoryLimit <= 0 {
		return 0
	}
	return 100 * float64(u.Stats.Memory) / float64(u.Stats.MemoryLimit)
}

func binarySize(n int64) string { return units.BytesSize(float64(n)) }

// UsageRow is a Usage as templates of `stats` see it, in podman's words.
type UsageRow struct{ Usage Usage }

// UsageHeadings are the column headings of `stats`.
func UsageHeadings() map[string]string {
	return map[string]string{
		"CPUPerc": "CPU %", "CPU": "CPU %", "MemUsage": "MEM USAGE / LIMIT", "MemUsageBytes": "MEM USAGE / LIMIT", "MemPerc": "MEM %", "Mem": "MEM %",
		"NetIO": "NET IO", "BlockIO": "BLOCK IO", "PIDS": "PIDS", "PIDs": "PIDS", "UpTime": "CPU TIME", "AVGCPU": "AVG CPU %", "AvgCPU": "AVG CPU %", "ContainerID": "ID",
	}
}

// ID is the container's.
func (r UsageRow) ID() string { return output.ShortID(string(r.Usage.Status.ID), r.Usage.Full) }

// ContainerID is the whole ID.
func (r UsageRow) ContainerID() string { return string(r.Usage.Status.ID) }

// Name is the container's.
func (r UsageRow) Name() string { return r.Usage.name() }

// CPUPerc is what it takes of one CPU.
func (r UsageRow) CPUPerc() string { return r.Usage.percents(r.Usage.cpu()) }

// CPU is CPUPerc as a number.
func (r UsageRow) CPU() float64 { return r.Usage.cpu() }

// AVGCPU is what it took of one CPU since it began.
func (r UsageRow) AVGCPU() string { return r.Usage.percents(r.Usage.average()) }

// AvgCPU is AVGCPU as a number.
func (r UsageRow) AvgCPU() float64 { return r.Usage.average() }

// CPUNano is the CPU time it took, in ns.
func (r UsageRow) CPUNano() uint64 { return uint64(r.Usage.Stats.CPU) }

// CPUSystemNano is that of the kernel for it, in ns.
func (r UsageRow) CPUSystemNano() uint64 { return uint64(r.Usage.Stats.CPUSystem) }

// SystemNano is when it was looked at, in ns since 1970.
func (r UsageRow) SystemNano() uint64 { return uint64(r.Usage.At.UnixNano()) }

// Duration is CPUNano.
func (r UsageRow) Duration() uint64 { return r.CPUNano() }

// PerCPU is the CPU time by CPU, in ns, where it is known.
func (r UsageRow) PerCPU() []uint64 {
	list := []uint64{}
	for _, d := range r.Usage.Stats.PerCPU {
		list = append(list, uint64(d))
	}
	return list
}

// UpTime is the CPU time it took, in words.
func (r UsageRow) UpTime() string { return r.Usage.known(r.Usage.Stats.CPU.String()) }

// Up is UpTime.
func (r UsageRow) Up() string { return r.UpTime() }

// MemUsage is "1.5MB / 4GB".
func (r UsageRow) MemUsage() string {
	return r.Usage.pair(r.Usage.Stats.Memory, r.Usage.Stats.MemoryLimit, output.TightSize)
}

// MemUsageBytes is "1.4MiB / 3.7GiB".
func (r UsageRow) MemUsageBytes() string {
	return r.Usage.pair(r.Usage.Stats.Memory, r.Usage.Stats.MemoryLimit, binarySize)
}

// MemPerc is the part of the limit that is used.
func (r UsageRow) MemPerc() string { return r.Usage.percents(r.Usage.memory()) }

// MemLimit is the limit in bytes.
func (r UsageRow) MemLimit() int64 { return r.Usage.Stats.MemoryLimit }

// NetIO is what came in and went out.
func (r UsageRow) NetIO() string {
	return r.Usage.pair(r.Usage.Stats.NetReceived, r.Usage.Stats.NetSent, output.TightSize)
}

// Network is what went through each interface.
func (r UsageRow) Network() map[string]oci.Interface {
	m := map[string]oci.Interface{}
	for _, i := range r.Usage.Stats.Interfaces {
		m[i.Name] = i
	}
	return m
}

// BlockIO is what was read and written.
func (r UsageRow) BlockIO() string {
	return r.Usage.pair(r.Usage.Stats.BlockRead, r.Usage.Stats.BlockWritten, output.TightSize)
}

// BlockInput is what was read, in bytes.
func (r UsageRow) BlockInput() int64 { return r.Usage.Stats.BlockRead }

// BlockOutput is what was written, in bytes.
func (r UsageRow) BlockOutput() int64 { return r.Usage.Stats.BlockWritten }

// PIDS is how many processes there are.
func (r UsageRow) PIDS() string { return r.Usage.known(strconv.Itoa(r.Usage.Stats.Pids)) }

// PIDs is PIDS as a number.
func (r UsageRow) PIDs() int { return r.Usage.Stats.Pids }

// UsageJSON is a Usage as `stats --format json` prints it.
type UsageJSON struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	CPUTime string `json:"cpu_time"`
	CPU     string `json:"cpu_percent"`
	AvgCPU  string `json:"avg_cpu"`
	Memory  string `json:"mem_usage"`
	MemPerc string `json:"mem_percent"`
	NetIO   string `json:"net_io"`
	BlockIO string `json:"block_io"`
	Pids    string `json:"pids"`
}

// JSON is the row as podman's JSON has it.
func (r UsageRow) JSON() UsageJSON {
	return UsageJSON{r.ID(), r.Name(), r.UpTime(), r.CPUPerc(), r.AVGCPU(), r.MemUsage(), r.MemPerc(), r.NetIO(), r.BlockIO(), r.PIDS()}
}

// PodUsage is a container of a pod as `pod stats` prints it, in templates and in
// JSON.
type PodUsage struct {
	CPU           string `json:"CPU"`
	MemUsage      string `json:"MemUsage"`
	MemUsageBytes string `json:"MemUsageBytes"`
	Mem           string `json:"Mem"`
	NetIO         string `json:"NetIO"`
	BlockIO       string `json:"BlockIO"`
	PIDS          string `json:"PIDS"`
	Pod           string `json:"Pod"`
	CID           string `json:"CID"`
	Name          string `json:"Name"`
}

// InPod is the row as `pod stats` has it.
func (r UsageRow) InPod() PodUsage {
	return PodUsage{
		r.CPUPerc(), r.MemUsage(), r.MemUsageBytes(), r.MemPerc(), r.NetIO(), r.BlockIO(), r.PIDS(),
		output.ShortID(fmt.Sprint(r.Usage.Pod.Pod.ID), r.Usage.Full), r.ID(), r.Name(),
	}
}
