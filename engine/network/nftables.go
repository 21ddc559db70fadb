package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"berth/internal/hostexec"
)

// nftables reads and mends rules by nft. All of netavark's are in one table.
type nftables struct{ m *Manager }

const nftTable = "netavark"

func (f nftables) nft(ctx context.Context, cmd hostexec.Cmd) ([]byte, error) {
	path, err := hostexec.Find("nft", f.m.helperDirs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoFirewallProgram, err)
	}
	cmd.Path, cmd.Timeout = path, f.m.helperTimeout
	return hostexec.Run(ctx, cmd)
}

func (f nftables) list(ctx context.Context) ([]rule, error) {
	// The table may not be there, which is no error; nft has only one code for both.
	out, err := f.nft(ctx, hostexec.Cmd{Args: []string{"-j", "list", "tables", "inet"}})
	if err != nil {
		return nil, fmt.Errorf("list firewall tables: %w", err)
	}
	there, err := nftHasTable(out)
	if err != nil || !there {
		return nil, err
	}
	out, err = f.nft(ctx, hostexec.Cmd{Args: []string{"-j", "-n", "list", "table", "inet", nftTable}})
	if err != nil {
		return nil, fmt.Errorf("list firewall rules: %w", err)
	}
	return parseNftables(out)
}

// nftObject is one element of nft's JSON (libnftables-json(5)).
type nftObject struct {
	Table *struct {
		Name string `json:"name"`
	} `json:"table"`
	Chain *struct {
		Name string `json:"name"`
		Hook string `json:"hook"`
	} `json:"chain"`
	Rule *struct {
		Chain   string                       `json:"chain"`
		Handle  int                          `json:"handle"`
		Comment string                       `json:"comment"`
		Expr    []map[string]json.RawMessage `json:"expr"`
	} `json:"rule"`
}

func nftObjects(out []byte) ([]nftObject, error) {
	var all struct {
		Objects []nftObject `json:"nftables"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("read the firewall rules: %w", err)
	}
	return all.Objects, nil
}

func nftHasTable(out []byte) (bool, error) {
	objects, err := nftObjects(out)
	for _, o := range objects {
		if o.Table != nil && o.Table.Name == nftTable {
			return true, nil
		}
	}
	return false, err
}

func parseNftables(out []byte) ([]rule, error) {
	objects, err := nftObjects(out)
	if err != nil {
		return nil, err
	}
	var rules []rule
	for _, o := range objects {
		switch {
		case o.Chain != nil && o.Chain.Hook == "":
			rules = append(rules, rule{table: nftTable, chain: o.Chain.Name, declares: true, text: "chain " + o.Chain.Name})
		case o.Rule != nil:
			r := rule{
				table: nftTable, chain: o.Rule.Chain, handle: o.Rule.Handle, comment: o.Rule.Comment,
			}
			for _, e := range o.Rule.Expr {
				r.readExpr(e)
			}
			r.text = r.inWords()
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// inWords is what we know of a rule, much as "nft list" has it.
func (r rule) inWords() string {
	words := []string{r.chain}
	add := func(there bool, more ...string) {
		if there {
			words = append(words, more...)
		}
	}
	add(r.in != "", "iifname", r.in)
	add(r.out != "", "oifname", r.out)
	add(r.src.IsValid(), "saddr", prefixText(r.src))
	add(r.dst.IsValid(), "daddr", prefixText(r.dst))
	add(r.dport != 0, r.proto, "dport", strconv.Itoa(int(r.dport)))
	add(r.target != "", "jump", r.target)
	add(r.dnat.IsValid(), "dnat to", r.dnat.String())
	return strings.Join(append(words, "# handle", strconv.Itoa(r.handle)), " ")
}

func prefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// readExpr takes from one statement what says whose the rule is.
func (r *rule) readExpr(e map[string]json.RawMessage) {
	if raw, ok := e["match"]; ok {
		r.readMatch(raw)
	}
	for _, verb := range []string{"jump", "goto"} {
		var v struct {
			Target string `json:"target"`
		}
		if json.Unmarshal(e[verb], &v) == nil && v.Target != "" {
			r.target = v.Target
		}
	}
	var dnat struct {
		Addr string `json:"addr"`
		Port uint16 `json:"port"`
	}
	if json.Unmarshal(e["dnat"], &dnat) == nil {
		if addr, err := netip.ParseAddr(dnat.Addr); err == nil {
			r.dnat = netip.AddrPortFrom(addr, dnat.Port)
		}
	}
}

func (r *rule) readMatch(raw json.RawMessage) {
	var m struct {
		Op   string `json:"op"`
		Left struct {
			Payload struct {
				Protocol string `json:"protocol"`
				Field    string `json:"field"`
			} `json:"payload"`
			Meta struct {
				Key string `json:"key"`
			} `json:"meta"`
		} `json:"left"`
		Right json.RawMessage `json:"right"`
	}
	if json.Unmarshal(raw, &m) != nil || m.Op == "!=" {
		return
	}
	var text string
	var number uint16
	_ = json.Unmarshal(m.Right, &text)
	_ = json.Unmarshal(m.Right, &number)
	prefix := nftPrefix(m.Right)
	switch {
	case m.Left.Meta.Key == "iifname":
		r.in = text
	case m.Left.Meta.Key == "oifname":
		r.out = text
	case m.Left.Payload.Field == "dport":
		r.proto, r.dport = m.Left.Payload.Protocol, number
	case m.Left.Payload.Field == "saddr":
		r.src = prefix
	case m.Left.Payload.Field == "daddr":
		r.dst = prefix
		if prefix.IsSingleIP() {
			r.destination = prefix.Addr()
		}
	}
}

// nftPrefix reads an address or {"prefix":{"addr":…,"len":…}}.
func nftPrefix(raw json.RawMessage) netip.Prefix {
	var v struct {
		Prefix struct {
			Addr string `json:"addr"`
			Len  int    `json:"len"`
		} `json:"prefix"`
	}
	if json.Unmarshal(raw, &v) == nil && v.Prefix.Addr != "" {
		if addr, err := netip.ParseAddr(v.Prefix.Addr); err == nil {
			return netip.PrefixFrom(addr, v.Prefix.Len)
		}
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		p, _ := parsePrefix(text)
		return p
	}
	return netip.Prefix{}
}

func (f nftables) remove(ctx context.Context, rules []rule) error {
	var deletes, chains strings.Builder
	for _, r := range rules {
		if r.declares {
			fmt.Fprintf(&deletes, "flush chain inet %s %s\n", nftTable, r.chain)
			fmt.Fprintf(&chains, "delete chain inet %s %s\n", nftTable, r.chain)
		}
	}
	for _, r := range rules {
		// Those in a chain that goes are flushed with it.
		if !r.declares && !strings.Contains(chains.String(), " "+r.chain+"\n") {
			fmt.Fprintf(&deletes, "delete rule inet %s %s handle %d\n", nftTable, r.chain, r.handle)
		}
	}
	_, err := f.nft(ctx, hostexec.Cmd{Args: []string{"-f", "-"}, Stdin: strings.NewReader(deletes.String() + chains.String())})
	return err
}
