package kubectl

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"berth/internal/source"
	"berth/reconciler"
)

var update = flag.Bool("update", false, "write what is printed into testdata")

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// podIn reads a pod.
func podIn(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(text), &pod); err != nil {
		t.Fatal(err)
	}
	if pod.CreationTimestamp.IsZero() {
		pod.CreationTimestamp = metav1.Time{Time: noon.Add(-time.Hour)}
	}
	return &pod
}

func objectIn(t *testing.T, text string) Object {
	t.Helper()
	var o Object
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// Pods in the states that kubectl has words for.
func TestPodRow(t *testing.T) {
	const two = "spec: {containers: [{name: a}, {name: b}]}\n"
	const withInit = "spec: {initContainers: [{name: i}, {name: s, restartPolicy: Always}], containers: [{name: a}]}\n"
	const ends = "{exitCode: 1, reason: Error, finishedAt: '2026-01-02T11:58:00Z'}"
	for _, test := range []struct{ name, pod, want string }{
		{"running", two + "status: {phase: Running, containerStatuses: [{name: a, ready: true, state: {running: {}}}, {name: b, ready: true, state: {running: {}}}]}",
			"2/2 Running 0"},
		{"one is not ready", two + "status: {phase: Running, containerStatuses: [{name: a, ready: true, state: {running: {}}}, {name: b, state: {running: {}}}]}",
			"1/2 Running 0"},
		{"being made", two + "status: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ContainerCreating}}}]}",
			"0/2 ContainerCreating 0"},
		{"the first container's word counts", two + "status: {phase: Running, containerStatuses: [{name: a, state: {waiting: {reason: CrashLoopBackOff}}, restartCount: 3, lastState: {terminated: " + ends + "}}, {name: b, state: {waiting: {reason: ErrImagePull}}}]}",
			"0/2 CrashLoopBackOff 3 (2m ago)"},
		{"done", two + "status: {phase: Succeeded, containerStatuses: [{name: a, state: {terminated: {exitCode: 0, reason: Completed}}}]}",
			"0/2 Completed 0"},
		{"one is done, one ready", two + "status: {phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: a, state: {terminated: {exitCode: 0, reason: Completed}}}, {name: b, ready: true, state: {running: {}}}]}",
			"1/2 Running 0"},
		{"one is done, one runs", two + "status: {phase: Running, containerStatuses: [{name: a, state: {terminated: {exitCode: 0, reason: Completed}}}, {name: b, ready: true, state: {running: {}}}]}",
			"1/2 NotReady 0"},
		{"no reason but a code", two + "status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 4}}}]}",
			"0/2 ExitCode:4 0"},
		{"no reason but a signal", two + "status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 137, signal: 9}}}]}",
			"0/2 Signal:9 0"},
		{"rejected", two + "status: {phase: Pending, reason: NodePorts}", "0/2 NodePorts 0"},
		{"an init container runs", withInit + "status: {phase: Pending, initContainerStatuses: [{name: i, state: {running: {}}, restartCount: 2, lastState: {terminated: " + ends + "}}, {name: s}]}",
			"0/2 Init:0/2 2 (2m ago)"},
		{"an init container failed", withInit + "status: {phase: Failed, initContainerStatuses: [{name: i, state: {terminated: " + ends + "}}]}",
			"0/2 Init:Error 0"},
		{"an init container failed without a reason", withInit + "status: {phase: Failed, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 5}}}]}",
			"0/2 Init:ExitCode:5 0"},
		{"an init container waits", withInit + "status: {phase: Pending, initContainerStatuses: [{name: i, state: {waiting: {reason: CrashLoopBackOff}}}]}",
			"0/2 Init:CrashLoopBackOff 0"},
		{"a sidecar starts", withInit + "status: {phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}, {name: s, state: {running: {}}, started: false}]}",
			"0/2 Init:1/2 0"},
		{"initialised, its init container's restarts no longer count", withInit + "status: {phase: Running, conditions: [{type: Initialized, status: 'True'}], initContainerStatuses: [{name: i, restartCount: 5, state: {terminated: {exitCode: 0}}}, {name: s, ready: true, started: true, restartCount: 1, state: {running: {}}}], containerStatuses: [{name: a, ready: true, state: {running: {}}}]}",
			"2/2 Running 1"},
		{"on its way out", "metadata: {deletionTimestamp: '2026-01-02T11:59:00Z'}\n" + two + "status: {phase: Running, containerStatuses: [{name: a, ready: true, state: {running: {}}}]}",
			"1/2 Terminating 0"},
		{"over, on its way out", "metadata: {deletionTimestamp: '2026-01-02T11:59:00Z'}\n" + two + "status: {phase: Failed, reason: Evicted}",
			"0/2 Evicted 0"},
	} {
		row := PodRow(podIn(t, test.pod), noon, false)
		if got := strings.Join(row[1:], " "); got != test.want+" 60m" {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	wide := PodRow(podIn(t, "spec: {nodeName: host, readinessGates: [{conditionType: a}, {conditionType: b}]}\nstatus: {podIP: 10.1.2.3, conditions: [{type: a, status: 'True'}]}"), noon, true)
	if got := strings.Join(wide[5:], " "); got != "10.1.2.3 host <none> 1/2" {
		t.Errorf("wide: %q", got)
	}
}

func TestTableRemembersItsWidths(t *testing.T) {
	var b strings.Builder
	table := &Table{Out: &b}
	for _, rows := range [][][]string{{{"long-name", "1"}}, {{"a", "2"}}} {
		if err := table.Print([]string{"NAME", "N"}, rows); err != nil {
			t.Fatal(err)
		}
	}
	if want := "NAME        N\nlong-name   1\na           2\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

const webObject = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: shop}}
spec: {priority: 7}
status: {phase: Running, podIP: 10.0.0.9, conditions: [{type: Ready, status: "True"}]}
`

const dbObject = `
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: default}
spec: {priority: 10}
status: {phase: Pending}
`

func TestFormats(t *testing.T) {
	for _, test := range []struct {
		format, want string
		single       bool
	}{
		{"name", "pod/web\npod/db\n", false},
		{"jsonpath={.items[*].metadata.name}", "web db", false},
		{"jsonpath={.items[0].status.nothing}", "", false},
		{"jsonpath-as-json={.items[0].metadata.name}", "[\n    \"web\"\n]\n", false},
		{"jsonpath={.metadata.name}", "web", true},
		{"go-template={{range .items}}{{.metadata.name}} {{end}}", "web db ", false},
		{"custom-columns=N:.metadata.name,IP:status.podIP", "N     IP\nweb   10.0.0.9\ndb    <none>\n", false},
		{"yaml", strings.TrimPrefix("\napiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    app: shop\n  name: web\n  namespace: default\nspec:\n  priority: 7\nstatus:\n  conditions:\n  - status: \"True\"\n    type: Ready\n  phase: Running\n  podIP: 10.0.0.9\n", "\n"), true},
	} {
		f, err := ParseFormat(test.format)
		if err != nil {
			t.Errorf("%s: %v", test.format, err)
			continue
		}
		objects := []Object{objectIn(t, webObject), objectIn(t, dbObject)}
		if test.single {
			objects = objects[:1]
		}
		var b strings.Builder
		if err := f.Print(&b, objects, test.single, false); err != nil {
			t.Errorf("%s: %v", test.format, err)
		}
		if b.String() != test.want {
			t.Errorf("%s: %q, want %q", test.format, b.String(), test.want)
		}
	}
}

func TestFormatsThatAreWrong(t *testing.T) {
	for format, want := range map[string]string{
		"xml":                    `unable to match a printer suitable for the output format "xml"`,
		"jsonpath":               "no template given",
		"jsonpath={.a":           "unclosed action",
		"custom-columns=NAME":    "expected <header>:<json-path-expr>",
		"custom-columns-file=/x": "no such file",
		"go-template={{":         "unclosed action",
	} {
		if _, err := ParseFormat(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", format, err, want)
		}
	}
}

func TestSort(t *testing.T) {
	for by, want := range map[string]string{
		".metadata.name": "db web", "{.spec.priority}": "web db", "status.podIP": "db web", "": "web db",
	} {
		objects := []Object{objectIn(t, webObject), objectIn(t, dbObject)}
		if err := Sort(objects, by); err != nil {
			t.Errorf("%s: %v", by, err)
		}
		if got := field(objects[0], "name") + " " + field(objects[1], "name"); got != want {
			t.Errorf("by %q: %s, want %s", by, got, want)
		}
	}
	if err := Sort([]Object{objectIn(t, webObject)}, ".spec.nothing"); err == nil {
		t.Error("sorted by what is not there")
	}
}

func TestConditions(t *testing.T) {
	web := objectIn(t, webObject)
	for text, want := range map[string]bool{
		"condition=Ready": true, "condition=ready": true, "condition=Ready=False": false, "condition=Other": false,
		"jsonpath={.status.phase}=Running": true, "jsonpath='{.status.phase}'=Pending": false, "jsonpath={.status.podIP}": true,
		"jsonpath={.status.hostIP}": false, "jsonpath=.status.phase=Running": true, `jsonpath={.spec.priority}=7`: true,
	} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := c.Met(web); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"ready": "unrecognized condition", "jsonpath={.a}=": "has to have a value", "jsonpath={.a}x": "format must be", "jsonpath=": "unexpected path",
	} {
		if _, err := ParseCondition(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	c, err := ParseCondition("jsonpath={.status.conditions}=x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Met(web); err == nil {
		t.Error("compared a list with a word")
	}
}

func TestEventRow(t *testing.T) {
	e := corev1.Event{
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web"}, Type: "Warning", Reason: "BackOff", Message: "again\n", Count: 3,
		FirstTimestamp: metav1.Time{Time: noon.Add(-5 * time.Minute)}, LastTimestamp: metav1.Time{Time: noon.Add(-12 * time.Second)},
	}
	e.Namespace = "apart"
	if got := strings.Join(EventRow(&e, noon, true), "|"); got != "apart|12s (x3 over 5m)|Warning|BackOff|Pod/web|again" {
		t.Error(got)
	}
}

func TestRowsOfOtherKinds(t *testing.T) {
	for _, test := range []struct{ object, want string }{
		{"{kind: ConfigMap, metadata: {name: c}, data: {a: b}, binaryData: {c: ZA==}}", "c|2|<unknown>"},
		{"{kind: Secret, metadata: {name: s, creationTimestamp: '2026-01-02T11:00:00Z'}, data: {a: b}}", "s|Opaque|1|60m"},
		{"{kind: Deployment, metadata: {name: d}, spec: {replicas: 3}, status: {readyReplicas: 1, updatedReplicas: 2}}", "d|1/3|2|0|<unknown>"},
		{"{kind: Namespace, metadata: {name: one}, status: {phase: Active}}", "one|Active|<unknown>"},
		{"{kind: PersistentVolumeClaim, metadata: {name: p}, spec: {accessModes: [ReadWriteOnce, ReadOnlyMany], volumeName: p}, status: {phase: Bound, capacity: {storage: 1Gi}}}",
			"p|Bound|p|1Gi|RWO,ROX||<unset>|<unknown>"},
		{"{kind: Quadlet, metadata: {name: web.container}, spec: {service: web.service, resource: systemd-web, file: /m/web.container}, status: {status: activating, sub: auto-restart, restarts: 2, message: it ended}}",
			"web.container|web.service|activating/auto-restart|2|<unknown>|systemd-web|it ended|/m/web.container"},
	} {
		o := objectIn(t, test.object)
		kind, err := KindOf(strings.ToLower(o["kind"].(string)))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := strings.Join(kind.Row(o, noon, true), "|"); got != test.want || len(kind.Headings(true)) != len(kind.Row(o, noon, true)) {
			t.Errorf("%s: %s, want %s", kind.Name, got, test.want)
		}
	}
}

// TestDescribe compares descriptions with testdata; -update writes them.
func TestDescribe(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		events := []corev1.Event{{
			Type: "Normal", Reason: "Started", Message: "Started container main", Count: 1, Source: corev1.EventSource{Component: "berth"},
			FirstTimestamp: metav1.Time{Time: noon.Add(-time.Minute)},
		}}
		var b strings.Builder
		if err := DescribePod(&b, podIn(t, string(text)), events, noon); err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(file, ".yaml") + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", file, diff)
		}
	}
}

func TestAgeIsNeverNegative(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{5 * time.Minute: "5m", 0: "0s", -time.Hour: "0s"} {
		if got := Age(now, now.Add(-ago)); got != want {
			t.Errorf("%s ago: %q, want %q", ago, got, want)
		}
	}
}

func TestTheReasonOfABadUnitIsAnError(t *testing.T) {
	at := source.Pos{File: "/m/a\nb.pod", Line: 1}
	o, err := QuadletObject(reconciler.UnitView{Name: "a\nb.pod", File: "/m/a\nb.pod", Status: "bad", Problems: source.Diagnostics{
		{Pos: at, Warning: true, Message: "is odd"}, {Pos: source.Pos{File: "/m/x.pod", Line: 2}, Message: "is wrong"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a?b.pod", "<none>", "bad", "0", "<unknown>", "<none>", "/m/x.pod:2: is wrong", "/m/a?b.pod"}
	if diff := cmp.Diff(want, quadletRow(o, time.Time{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
