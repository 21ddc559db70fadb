package kube

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
)

// handler is what a probe or a hook does; one of them is set.
type handler struct {
	exec  *corev1.ExecAction
	get   *corev1.HTTPGetAction
	tcp   *corev1.TCPSocketAction
	grpc  *corev1.GRPCAction
	sleep *corev1.SleepAction
}

func (l lifeCheck) handler(at *path, h handler) {
	switch {
	case h.exec != nil:
		if len(h.exec.Command) == 0 {
			l.missing(at.field("exec").field("command"), "say what is run in the container")
		}
	case h.get != nil:
		l.httpGet(at.field("httpGet"), h.get)
	case h.tcp != nil:
		l.host(at.field("tcpSocket").field("host"), h.tcp.Host)
		l.target(at.field("tcpSocket").field("port"), h.tcp.Port)
	case h.grpc != nil:
		l.number(at.field("grpc").field("port"), h.grpc.Port, "want 1 to 65535")
	case h.sleep != nil:
		l.sleep(at.field("sleep").field("seconds"), h.sleep.Seconds)
	}
}

// sleep checks that a hook's sleep ends before the pod's grace does.
func (l lifeCheck) sleep(at *path, seconds int64) {
	if grace := *l.spec.TerminationGracePeriodSeconds; seconds < 0 || grace >= 0 && seconds > grace {
		l.bad(at, "%d is out of range: want 0 to %d, the pod's terminationGracePeriodSeconds", seconds, max(0, grace))
	}
}

func (l lifeCheck) httpGet(at *path, get *corev1.HTTPGetAction) {
	l.host(at.field("host"), get.Host)
	l.target(at.field("port"), get.Port)
	oneOf(l.check, at.field("scheme"), get.Scheme, corev1.URISchemeHTTP, corev1.URISchemeHTTPS)
	for i, header := range get.HTTPHeaders {
		at := at.field("httpHeaders").at(i)
		switch {
		case header.Name == "":
			l.missing(at.field("name"), "the header's name")
		case len(validation.IsHTTPHeaderName(header.Name)) > 0:
			l.bad(at.field("name"), `%s is not the name of a header: want letters, digits and "-"`, quote(header.Name))
		}
		if strings.ContainsFunc(header.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			l.bad(at.field("value"), "must not hold control characters")
		}
	}
}

// host checks the name or address of a server, which people take for a URL.
func (l lifeCheck) host(at *path, host string) {
	if strings.ContainsAny(host, "/ \t\r\n@?#") {
		l.bad(at, "%s is not a host: want a name or an address, without scheme, port and path", quote(host))
	}
}

const wantPort = "want 1 to 65535, or the name of one of the container's ports"

func (l lifeCheck) number(at *path, port int32, want string) {
	if port == 0 {
		l.missing(at, want)
		return
	}
	l.port(at, port)
}

// target checks the port that is asked. A name is one of the container's own
// ports, as for a kubelet, which finds a wrong one only when it asks.
func (l lifeCheck) target(at *path, port intstr.IntOrString) {
	name := port.StrVal
	switch n, err := strconv.Atoi(name); {
	case port.Type == intstr.Int:
		l.number(at, port.IntVal, wantPort)
	case name == "":
		l.missing(at, wantPort)
	case err == nil:
		l.bad(at, "%s is not the name of a port: remove the quotes if it is port %d", quote(name), n)
	case !declares(l.container, name) && l.read(l.own.field("ports")):
		l.bad(at, "the container has no port named %s%s", quote(name), l.portHint(name))
	}
}

func declares(c *corev1.Container, port string) bool {
	return slices.ContainsFunc(c.Ports, func(own corev1.ContainerPort) bool { return own.Name == port })
}

// portHint says what may have been meant by the name of a port that the
// container does not have.
func (l lifeCheck) portHint(name string) string {
	var names []string
	for _, own := range l.container.Ports {
		if own.Name != "" {
			names = append(names, own.Name)
		}
	}
	if hint := didYouMean(name, names); hint != "" {
		return hint
	}
	for _, other := range allContainers(l.spec) {
		if declares(other, name) {
			return fmt.Sprintf(", only container %s has: give the number, or declare it here too", quote(other.Name))
		}
	}
	if len(names) == 0 {
		return ": declare it under ports, or give the number"
	}
	return ", only " + shorten(strings.Join(names, ", "), 200)
}
