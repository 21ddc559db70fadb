package network

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"berth/internal/hostexec"
)

// iptables reads and mends rules by iptables-save and iptables-restore.
type iptables struct{ m *Manager }

func (f iptables) list(ctx context.Context) ([]rule, error) {
	var rules []rule
	for _, program := range []string{"iptables-save", "ip6tables-save"} {
		path, err := hostexec.Find(program, f.m.helperDirs)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoFirewallProgram, err)
		}
		out, err := hostexec.Run(ctx, hostexec.Cmd{Path: path, Timeout: f.m.helperTimeout})
		if err != nil {
			return nil, fmt.Errorf("list firewall rules: %w", err)
		}
		rules = append(rules, parseIptables(string(out), program == "ip6tables-save")...)
	}
	return rules, nil
}

// parseIptables reads the output of iptables-save and keeps what netavark
// makes: chains of its, rules in them, and jumps to them.
func parseIptables(out string, ipv6 bool) []rule {
	var rules []rule
	table := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":NETAVARK"):
			chain, _, _ := strings.Cut(line[1:], " ")
			rules = append(rules, rule{ipv6: ipv6, table: table, chain: chain, declares: true, text: line})
		case strings.HasPrefix(line, "-A "):
			r := parseIptablesRule(line)
			if strings.HasPrefix(r.chain, "NETAVARK") || strings.HasPrefix(r.target, "NETAVARK") {
				r.ipv6, r.table = ipv6, table
				rules = append(rules, r)
			}
		}
	}
	return rules
}

func parseIptablesRule(line string) rule {
	words := splitQuoted(line)
	r := rule{text: line}
	for i := 0; i+1 < len(words); i++ {
		if words[i] == "!" { // what a rule excludes says nothing about whose it is
			i += 2
			continue
		}
		value := words[i+1]
		switch words[i] {
		case "-A":
			r.chain = value
		case "-j", "-g":
			r.target = value
		case "-s":
			r.src, _ = parsePrefix(value)
		case "-d":
			r.dst, _ = parsePrefix(value)
			if r.dst.IsSingleIP() {
				r.destination = r.dst.Addr()
			}
		case "-i":
			r.in = value
		case "-o":
			r.out = value
		case "-p":
			r.proto = value
		case "--comment":
			r.comment = value
		case "--dport":
			port, _ := strconv.ParseUint(value, 10, 16)
			r.dport = uint16(port)
		case "--to-destination":
			r.dnat, _ = netip.ParseAddrPort(value)
		default:
			continue
		}
		i++
	}
	return r
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return addr.Prefix(addr.BitLen())
}

// splitQuoted splits a line at spaces outside double quotes.
func splitQuoted(line string) []string {
	var words []string
	var word strings.Builder
	quoted, escaped, any := false, false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quoted:
			escaped = true
		case c == '"':
			quoted, any = !quoted, true
		case c == ' ' && !quoted:
			if any {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteRune(c)
			any = true
		}
	}
	if any {
		words = append(words, word.String())
	}
	return words
}

func (f iptables) remove(ctx context.Context, rules []rule) error {
	for _, ipv6 := range []bool{false, true} {
		script := iptablesScript(rules, ipv6)
		if script == "" {
			continue
		}
		program := "iptables-restore"
		if ipv6 {
			program = "ip6tables-restore"
		}
		path, err := hostexec.Find(program, f.m.helperDirs)
		if err != nil {
			return err
		}
		_, err = hostexec.Run(ctx, hostexec.Cmd{
			Path: path, Args: []string{"--noflush", "--wait"}, Stdin: strings.NewReader(script), Timeout: f.m.helperTimeout,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// iptablesScript deletes rules, then chains, each table in one transaction.
func iptablesScript(rules []rule, ipv6 bool) string {
	var script strings.Builder
	for _, table := range []string{"nat", "filter"} {
		var deletes, chains strings.Builder
		for _, r := range rules {
			if r.ipv6 != ipv6 || r.table != table {
				continue
			}
			if r.declares {
				fmt.Fprintf(&chains, "-F %s\n-X %s\n", r.chain, r.chain)
			} else {
				deletes.WriteString("-D " + strings.TrimPrefix(r.text, "-A ") + "\n")
			}
		}
		if deletes.Len()+chains.Len() > 0 {
			script.WriteString("*" + table + "\n" + deletes.String() + chains.String() + "COMMIT\n")
		}
	}
	return script.String()
}
